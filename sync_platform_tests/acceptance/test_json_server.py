"""The sync against a server that nobody here wrote: json-server 0.17, set up by `examples/` alone."""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox
from psycopg.rows import dict_row

from sync_platform.resources import default_resources
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.acceptance.json_server import installed, serving

EXAMPLE = Path(__file__).parents[2] / "examples" / "json_server"
ROWS = """
    select
        person_id, email, full_name, city, phone, tags, balance, is_active, signed_up_at, source_updated_at,
        metadata -> 'original_id' as original_id
    from people order by person_id::int
"""
ACCOUNT = "select * from sync_logs order by id desc limit 1"

Row = dict[str, Any]


class SyncPeople(Protocol):
    """Runs the example's job once and returns its account; without config it is incremental."""

    def __call__(self, **config: str) -> Row: ...


@pytest.fixture
def people_file(tmp_path: Path) -> Path:
    """The 5,000 people that the example makes up, as its README says."""
    file = tmp_path / "db.json"
    with file.open("w") as stream:
        subprocess.run((sys.executable, str(EXAMPLE / "make_db.py")), stdout=stream, check=True)
    return file


@pytest.fixture
def json_server(pytestconfig: pytest.Config, people_file: Path) -> Iterator[str]:
    """A running json-server, by its URL."""
    with serving(installed(pytestconfig), people_file) as url:
        yield url


@pytest.fixture
def sync_people(
    json_server: str, database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SyncPeople]:
    """The example's own folder under a `defs/`, ready to run against server and database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JSON_SERVER_URL", json_server)
    monkeypatch.setenv("DATABASE_URL", database.uri())
    monkeypatch.setenv("SYNC_PLATFORM_HOME", str(tmp_path / "home"))
    with create_defs_folder_sandbox() as project:
        shutil.copytree(EXAMPLE, project.defs_folder_path / "people_sync")
        with project.build_all_defs() as found, dg.DagsterInstance.ephemeral() as instance:
            bound = dg.Definitions.merge(found, dg.Definitions(resources=default_resources()))
            job = bound.resolve_job_def("people_sync_job")

            def sync(**config: str) -> Row:
                job.execute_in_process(
                    instance=instance,
                    partition_key=datetime.now(UTC).date().isoformat(),
                    run_config={"ops": {"external_people_pages": {"config": config}}},
                )
                return _rows(database, ACCOUNT)[0]

            yield sync


def test_every_person_of_json_server_stands_in_the_table(
    sync_people: SyncPeople, people_file: Path, database: DatabaseAddress
) -> None:
    people = json.loads(people_file.read_text())["users"]

    account = sync_people(type="full")

    assert _rows(database, ROWS) == [_expected(person) for person in people]
    assert account["status"] == "completed"
    assert account["proof"] == "total"
    assert account["seen"] == account["inserted"] == account["expected"] == len(people) == 5_000
    assert account["pages"] == 50


def test_an_incremental_sync_asks_json_server_for_what_changed_only(
    sync_people: SyncPeople, json_server: str, people_file: Path, database: DatabaseAddress
) -> None:
    people = json.loads(people_file.read_text())["users"]
    sync_people(type="full")
    changed_at = _newest_change(people) + timedelta(minutes=5)
    changes = {"last_name": "Okafor", "updated_at": changed_at.isoformat(timespec="milliseconds")}
    _patch(f"{json_server}/users/7", changes)
    people[6].update(changes)

    account = sync_people()

    assert _rows(database, ROWS) == [_expected(person) for person in people]
    assert account["sync_type"] == "incremental"
    assert account["updated"] == 1
    # The lag of 60 s looks back on the newest person of the full sync once more.
    assert account["seen"] == account["updated"] + account["unchanged"] <= 5
    assert datetime.fromisoformat(account["watermark_after"]) == changed_at


def _expected(person: Mapping[str, Any]) -> Row:
    """The row that the example's YAML asks for, by plain Python."""
    primary = [phone["number"] for phone in person["phones"] if phone["primary"]]
    return {
        "person_id": str(person["id"]),
        "email": person["email"].lower(),
        "full_name": f"{person['first_name']} {person['last_name']}",
        "city": person.get("address", {}).get("city"),
        "phone": primary[0] if primary else None,
        "tags": person["tags"],
        "balance": Decimal(str(person["balance"])),
        "is_active": person["active"],
        "signed_up_at": datetime.strptime(person["signed_up"], "%d.%m.%Y %H:%M").replace(tzinfo=UTC),
        "source_updated_at": datetime.fromisoformat(person["updated_at"]),
        "original_id": person["id"],
    }


def _newest_change(people: list[Row]) -> datetime:
    return max(datetime.fromisoformat(person["updated_at"]) for person in people)


def _rows(database: DatabaseAddress, text: str) -> list[Row]:
    with connect(database) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text).fetchall()


def _patch(url: str, changes: Mapping[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 -- our own server on loopback
        url, json.dumps(changes).encode(), {"Content-Type": "application/json"}, method="PATCH"
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 -- likewise
