"""The environment: what it may hold, who wins, and what a wrong value says."""

import os
from pathlib import Path

import pytest

from sync_platform.home.environment import environment_mapping
from sync_platform.home.running import ProcessMark, RunningUp, write_note
from sync_platform.settings import Settings, load_settings
from sync_platform.vocabulary import SettingsError

SANDBOX = {"EXTERNAL_API_URL": "http://127.0.0.1:1", "EXTERNAL_API_TOKEN": "sandbox"}
NAMES = tuple(str(field.validation_alias) for field in Settings.model_fields.values())


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_is_optional(empty_folder: Path) -> None:
    settings = load_settings()

    assert settings.database_url is None
    assert (settings.port, settings.timezone) == (3000, "UTC")
    assert settings.home == empty_folder / ".sync_platform"
    assert settings.dagster_home == settings.home / "dagster"
    assert settings.landing_url == str(settings.home / "landing")


def test_the_environment_wins_over_the_file(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / ".env").write_text("SYNC_PLATFORM_PORT=4001\nSYNC_PLATFORM_TIMEZONE=Europe/Berlin\n")
    monkeypatch.setenv("SYNC_PLATFORM_PORT", "4002")

    settings = load_settings()

    assert (settings.port, settings.timezone) == (4002, "Europe/Berlin")
    assert environment_mapping()["SYNC_PLATFORM_PORT"] == "4002"


def test_an_empty_variable_counts_as_unset(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / ".env").write_text("EXTERNAL_API_TOKEN=from-file\n")
    for name in NAMES:
        monkeypatch.setenv(name, "")

    assert load_settings().external_api_token is not None
    assert environment_mapping()["EXTERNAL_API_TOKEN"] == "from-file"
    assert "DATABASE_URL" not in environment_mapping()


def test_what_is_unknown_is_ignored(empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("MY_OTHER_TOKEN=abc\n")

    load_settings()

    assert environment_mapping()["MY_OTHER_TOKEN"] == "abc"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SYNC_PLATFORM_PORT", "0", "from 1 to 65535"),
        ("SYNC_PLATFORM_PORT", "65536", "from 1 to 65535"),
        ("SYNC_PLATFORM_PORT", "http", "from 1 to 65535"),
        ("SYNC_PLATFORM_TIMEZONE", "Mars/Olympus", "Europe/Berlin"),
        ("SYNC_PLATFORM_TIMEZONE", "../../etc/passwd", "Europe/Berlin"),
        ("EXTERNAL_API_URL", "api.example.com", "http:// or https://"),
        ("EXTERNAL_API_URL", "https://", "http:// or https://"),
        ("EXTERNAL_API_URL", "http://api.example.com:port", "http:// or https://"),
        ("SYNC_PLATFORM_HOME", "a-file/home", "the path of a folder"),
        ("DAGSTER_HOME", "a-file", "the path of a folder"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    (empty_folder / "a-file").touch()
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as refused:
        load_settings()

    line = str(refused.value)
    assert name in line
    assert allowed in line
    assert len(line.splitlines()) == 1


def test_a_file_that_is_not_utf8_is_named(empty_folder: Path) -> None:
    (empty_folder / ".env").write_bytes(b"EXTERNAL_API_TOKEN=\xff\xfe\n")

    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings()


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("DATABASE_URL", "EXTERNAL_API_TOKEN", "CUSTOMER_PUSH_TOKEN", "ALERT_URLS")
    for name in secrets:
        monkeypatch.setenv(name, "postgresql://u:hunter2@h/d")

    assert "hunter2" not in repr(load_settings())


def leave_note(folder: Path, *, started_ago_s: float = 0) -> None:
    home = folder / ".sync_platform"
    home.mkdir()
    mark = ProcessMark.of(os.getpid())
    mark = mark.model_copy(update={"started_at_s": mark.started_at_s - started_ago_s})
    write_note(home, RunningUp(supervisor=mark, environment=SANDBOX))


def test_a_running_up_stands_in_for_what_is_unset(empty_folder: Path) -> None:
    leave_note(empty_folder)

    assert environment_mapping().items() >= SANDBOX.items()


def test_one_whose_process_is_gone_does_not(empty_folder: Path) -> None:
    leave_note(empty_folder, started_ago_s=1000)

    assert "EXTERNAL_API_URL" not in environment_mapping()


def test_the_sandbox_token_never_goes_to_an_api_of_ones_own(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_note(empty_folder)
    monkeypatch.setenv("EXTERNAL_API_URL", "https://api.example.com")

    assert environment_mapping()["EXTERNAL_API_URL"] == "https://api.example.com"
    assert "EXTERNAL_API_TOKEN" not in environment_mapping()


def test_ones_own_token_never_goes_to_the_sandbox(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_note(empty_folder)
    monkeypatch.setenv("EXTERNAL_API_TOKEN", "mine")

    assert environment_mapping()["EXTERNAL_API_TOKEN"] == "sandbox"


def test_the_example_file_lists_every_variable() -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()

    assert [name for name in NAMES if f"#{name}=" not in example] == []
