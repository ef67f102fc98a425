"""What `doctor` says of pushes: what is unset, what is refused, and whether anybody listens."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_platform.cli import exits
from sync_platform.cli.doctor import Finding, examine
from sync_platform.settings import load_settings
from sync_platform.warehouse.address import DatabaseAddress


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(autouse=True)
def place(database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database.uri())
    monkeypatch.setenv("SYNC_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CUSTOMER_PUSH_URL", raising=False)
    monkeypatch.delenv("CUSTOMER_PUSH_TOKEN", raising=False)


def of_the_push() -> Finding:
    [finding] = [one for one in examine(load_settings()) if one.what == "push customers"]
    return finding


def test_a_push_that_nobody_has_set_up_is_no_fault() -> None:
    finding = of_the_push()
    assert finding.exit_code == exits.COMPLETE
    assert "CUSTOMER_PUSH_URL must be set before it can send" in finding.detail


def test_a_receiver_that_listens_is_named_without_its_path(
    listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTOMER_PUSH_URL", f"http://127.0.0.1:{listener}/secret-path")
    finding = of_the_push()
    assert (finding.exit_code, finding.detail) == (exits.COMPLETE, f"127.0.0.1, port {listener} answers")


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("http://127.0.0.1:1/customers", exits.FAILED, "nothing answers at 127.0.0.1, port 1"),
        ("http://169.254.169.254/latest", exits.USAGE, "link-local or cloud-metadata"),
        ("http://user:hunter2@example.com/", exits.USAGE, "user"),
    ],
)
def test_a_receiver_that_cannot_be_is_wrong(
    url: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTOMER_PUSH_URL", url)
    finding = of_the_push()
    assert finding.exit_code == code
    assert said in finding.detail
    assert "hunter2" not in finding.detail
