"""The address of a Postgres database: parsed once, then written the way each client wants it.

Here belongs what can be said about an address without connecting to it. Connecting is `connect`.
"""

import ipaddress
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sync_platform.vocabulary import SettingsError

SCHEMES = ("postgresql://", "postgres://")
NETLOC_KEYWORDS = ("user", "password", "host", "port", "dbname")
HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseAddress:
    """One Postgres database and how to reach it. `str()` and `repr()` leave the password out.

    Attributes:
        keywords: libpq's connection keywords and their decoded values, sorted by keyword.
    """

    keywords: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a `postgresql://` URL by libpq's own rules and settle its `sslmode`.

        Without an `sslmode` in the URL it is `verify-full` where a root certificate is given, and
        `require` unless every host is this machine. (Source: seed 001, node 7, `sslMode`.)

        Raises:
            SettingsError: the URL is malformed. It is never quoted, for it may hold a password.
        """
        if not url.strip().startswith(SCHEMES):
            raise _malformed("it does not begin with postgresql://")
        try:
            keywords = {name: str(text) for name, text in conninfo_to_dict(url.strip()).items()}
        except psycopg.ProgrammingError:
            # libpq's message quotes the offending part, which can be the password.
            raise _malformed("it is not a valid connection URL") from None
        if not all(_is_port(port) for port in keywords.get("port", "").split(",")):
            raise _malformed("its port is not a number from 1 to 65535")
        return cls(_sorted(_with_sslmode(keywords)))

    @property
    def host(self) -> str:
        """The host name, address or socket folder; `localhost` where the URL names none."""
        return self._get("host") or self._get("hostaddr") or "localhost"

    @property
    def port(self) -> str:
        """The port as text, 5432 by default; comma-separated where there are several hosts."""
        return self._get("port") or "5432"

    @property
    def database(self) -> str:
        """The database's name; libpq's default is the user's name."""
        return self._get("dbname") or self._get("user") or "postgres"

    def conninfo(self) -> str:
        """Return libpq's keyword string, for psycopg 3. It holds the password: never log it."""
        return make_conninfo("", **dict(self.keywords))

    def uri(self) -> str:
        """Return a URL for libpq and ADBC. It holds the password: never log it."""
        if _has_plain_host(self._get("host")):
            return self._render("postgresql", self.host, self._get("port"))
        located = [(name, self._get(name)) for name in ("host", "port") if self._get(name)]
        return self._render("postgresql", "", "", *located)

    def sqlalchemy_url(self) -> str:
        """Return a URL for SQLAlchemy with psycopg2, for Dagster's storage. It holds the password.

        The driver is named because SQLAlchemy 2.1 takes psycopg 3 for a bare `postgresql://`, on
        which dagster-postgres fails.
        """
        scheme, host, port = "postgresql+psycopg2", self._get("host"), self._get("port")
        if _has_plain_host(host):
            return self._render(scheme, host, port)
        if "," not in host:
            located = [(name, self._get(name)) for name in ("host", "port") if self._get(name)]
            return self._render(scheme, "", "", *located)
        hosts, ports = host.split(","), port.split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        pairs = zip(hosts, ports, strict=True)
        return self._render(
            scheme, "", "", *(("host", f"{name}:{number or '5432'}") for name, number in pairs)
        )

    def with_database(self, name: str) -> Self:
        """Return the same server with another database."""
        return self._with(dbname=name)

    def with_search_path(self, schema: str) -> Self:
        """Return the same database whose sessions look for tables in `schema` only."""
        quoted = '"' + schema.replace('"', '""') + '"'
        escaped = quoted.replace("\\", "\\\\").replace(" ", "\\ ")
        return self._with(options=f"{self._get('options')} -c search_path={escaped}".strip())

    def with_defaults(self, **keywords: str) -> Self:
        """Return the same database with libpq keywords that the URL leaves open."""
        return type(self)(_sorted(keywords | dict(self.keywords)))

    def __str__(self) -> str:
        user = f"{quote(self._get('user'), safe='')}@" if self._get("user") else ""
        return f"postgresql://{user}{self.host}:{self.port}/{self.database}"

    def __repr__(self) -> str:
        return f"DatabaseAddress({self})"

    def _get(self, keyword: str) -> str:
        return dict(self.keywords).get(keyword, "")

    def _with(self, **changes: str) -> Self:
        return type(self)(_sorted(dict(self.keywords) | changes))

    def _render(self, scheme: str, host: str, port: str, *located: tuple[str, str]) -> str:
        user, password = self._get("user"), self._get("password")
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        named = f"[{quote(host, safe=':')}]" if ":" in host else quote(host, safe="")
        query = [*located, *((name, text) for name, text in self.keywords if name not in NETLOC_KEYWORDS)]
        return (
            f"{scheme}://{login}{'@' if login else ''}{named}{f':{port}' if port else ''}"
            f"/{quote(self._get('dbname'), safe='')}"
            + ("?" if query else "")
            + "&".join(f"{name}={quote(text, safe='')}" for name, text in query)
        )


def is_local_host(host: str) -> bool:
    """Say whether `host` is this machine: no host, a socket folder, localhost or a loopback address."""
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_sslmode(keywords: dict[str, str]) -> dict[str, str]:
    if "sslmode" in keywords:
        return keywords
    if "sslrootcert" in keywords:
        return keywords | {"sslmode": "verify-full"}
    located = keywords.get("hostaddr") or keywords.get("host", "")
    if all(is_local_host(host) for host in located.split(",")):
        return keywords
    return keywords | {"sslmode": "require"}


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and 0 < int(text) <= HIGHEST_PORT)


def _has_plain_host(host: str) -> bool:
    return bool(host) and "," not in host and not host.startswith(("/", "@"))


def _sorted(keywords: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(keywords.items()))


def _malformed(what: str) -> SettingsError:
    return SettingsError(
        f"DATABASE_URL is malformed: {what}. Write postgresql://user:password@host:5432/database, with "
        "special characters percent-encoded."
    )
