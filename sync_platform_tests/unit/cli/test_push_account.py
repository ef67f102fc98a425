"""What people and programs read of a push: terms that add up, and one flat JSON object."""

from typing import Any

import pytest

from sync_platform.cli.push_account import PUSHES, dry_run_json
from sync_platform.cli.watch import push_detail
from sync_platform.push.progress import PushProgress

TERMS = {"selected", "delivered", "already_delivered", "dead", "in_doubt", "planned"}


def account(**changes: Any) -> dict[str, Any]:
    row = {**PUSHES.empty(is_success=True), "target": "customer_push", "push_id": 7, "errors": []}
    return {**row, "suppressed": 0, **changes}


def test_an_account_shows_where_every_customer_went(capsys: pytest.CaptureFixture[str]) -> None:
    row = account(selected=1205, delivered=1200, dead=5, requests=1220, duration_seconds=61.25)
    PUSHES.show({**row, "status": "completed_with_errors"}, to_messages=False)

    shown = capsys.readouterr().out
    assert "1,205" in shown
    assert "1,200" in shown
    assert "dead" in shown
    assert "planned" not in shown
    assert "completed_with_errors: the books balance; 1,220 requests in 61.2 s" in shown
    assert "sync-platform replay" in shown


def test_an_account_that_does_not_add_up_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    PUSHES.show(account(selected=10, delivered=9), to_messages=False)

    assert "the books do NOT balance: 9 ended" in capsys.readouterr().out


def test_why_a_push_ended_early_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [{"error": "the receiver has taken nothing for 3600 s", "timestamp": "2026-01-01T00:00:00Z"}]
    PUSHES.show(account(status="incomplete", errors=errors), to_messages=False)

    assert "  the receiver has taken nothing for 3600 s\n" in capsys.readouterr().out


def test_json_is_flat_and_has_the_terms_of_the_contract() -> None:
    said = PUSHES.as_json(account(selected=3, delivered=3))
    assert said.keys() >= {"status", "proof", "duration_seconds", "push_id", *TERMS}
    assert "suppressed" not in said
    assert not any(isinstance(value, list | dict) for value in said.values())


@pytest.mark.parametrize(("delivered", "proof"), [(10, "ledger"), (9, "none")])
def test_the_proof_of_a_push_is_its_ledger(delivered: int, proof: str) -> None:
    assert PUSHES.as_json(account(selected=10, delivered=delivered))["proof"] == proof


def test_a_run_without_a_push_and_a_dry_run_have_the_same_keys() -> None:
    known = PUSHES.as_json(account()).keys()
    assert PUSHES.as_json(PUSHES.empty(is_success=False)).keys() == known
    dry = dry_run_json({"seconds": 0.5, **dict.fromkeys(TERMS, 1)})
    assert dry.keys() == known
    assert dry["is_dry_run"]


@pytest.mark.parametrize(
    ("left_s", "is_last", "said"),
    [
        (None, False, "1,050 sent, 2 failed, 0.25/s"),
        (592.0, False, "1,050 sent, 2 failed, 0.25/s, 9 min left"),
        (592.0, True, "1,050 sent, 2 failed, 0.25/s"),
    ],
)
def test_beside_the_bar_stand_sent_failed_rate_and_time_left(
    left_s: float | None, is_last: bool, said: str
) -> None:
    event = PushProgress("customer_push", 2000, 1050, 2, 0.25, left_s, is_last)
    assert push_detail(event) == said
