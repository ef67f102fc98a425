"""The command line: help at once, and one line for what was asked wrongly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CLI = (sys.executable, "-m", "sync_platform.cli")


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYNC_PLATFORM_HOME": str(folder / "home")}
    return subprocess.run(
        (*CLI, *arguments), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_help_names_every_verb(tmp_path: Path) -> None:
    helped = run("--help", folder=tmp_path)

    assert helped.returncode == 0
    for verb in ("up", "sync", "retry", "push", "replay", "status", "doctor", "migrate"):
        assert f"\n  {verb} " in helped.stdout


def test_help_comes_at_once_because_nothing_heavy_is_imported() -> None:
    heavy = "{'dagster', 'polars', 'psycopg', 'pyarrow', 'pydantic', 'aiohttp', 'rich'}"
    program = f"import sys, sync_platform.cli; print(*sorted({heavy} & sys.modules.keys()))"

    imported = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)

    assert imported.stdout.split() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sync", "orders"), "Known: users"),
        (("retry", "orders"), "Known: users"),
        (("sync", "users", "--since", "yesterday"), "RFC 3339"),
        (("sync", "users", "--type", "everything"), "'incremental', 'window', 'full'"),
        (("sync",), "Missing argument"),
        (("synk", "users"), "No such command"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_allowed(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = run(*arguments, folder=tmp_path)

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []
