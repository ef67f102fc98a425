"""What people and programs read: accounts that add up on the screen, and one flat JSON object."""

import json
from decimal import Decimal
from typing import Any

import pytest

from sync_platform.cli.sync_account import ACCOUNT_TERMS, SYNCS
from sync_platform.cli.terminal import print_json


def account(**changes: Any) -> dict[str, Any]:
    row = {
        **SYNCS.empty(is_success=True),
        "source": "users",
        "sync_id": 1795230118343106980,
        "sync_type": "incremental",
        "proof": "total",
        "errors": [],
    }
    return {**row, **changes}


def test_an_account_shows_where_every_record_went(capsys: pytest.CaptureFixture[str]) -> None:
    SYNCS.show(
        account(seen=1205, inserted=1200, quarantined=5, expected=1205, distinct=1205, pages=13),
        to_messages=False,
    )

    shown = capsys.readouterr().out
    assert "1,205" in shown
    assert "1,200" in shown
    assert "quarantined" in shown
    assert "stale" not in shown
    assert "the books balance; 1,205 expected, 1,205 distinct, proof total; 13 pages" in shown


def test_an_account_that_does_not_add_up_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    SYNCS.show(account(seen=10, inserted=9), to_messages=False)

    assert "the books do NOT balance: 9 ended" in capsys.readouterr().out


def test_errors_are_shown_with_their_page_as_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [{"page": 7, "error": "answered [bold]502"}, {"page": None, "error": "was cancelled"}]

    SYNCS.show(account(errors=errors), to_messages=False)

    shown = capsys.readouterr().out
    assert "  page 7: answered [bold]502\n" in shown
    assert "  was cancelled\n" in shown


def test_json_is_one_flat_line_with_the_terms_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(SYNCS.as_json(account(duration_seconds=Decimal("1.25"), seen=3, inserted=3)))

    lines = capsys.readouterr().out.splitlines()
    said = json.loads(lines[0])
    assert len(lines) == 1
    assert said["duration_seconds"] == 1.25
    assert said["sync_id"] == 1795230118343106980
    assert said.keys() >= {"status", "proof", "records_processed", *ACCOUNT_TERMS}
    assert not any(isinstance(value, list | dict) for value in said.values())


def test_a_run_without_a_sync_has_the_same_keys() -> None:
    assert SYNCS.as_json(SYNCS.empty(is_success=False)).keys() == SYNCS.as_json(account()).keys()
