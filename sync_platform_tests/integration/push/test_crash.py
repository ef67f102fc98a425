"""Pushes whose process dies or is stopped at a moment drawn by a seed, and what the next one makes of it."""

import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from sync_platform.api.failures import UnauthorizedError
from sync_platform.push.items import Item
from sync_platform.push.ledger import LostTargetError, PushLedger, Settlement
from sync_platform.push.push import run_push
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.integration.push.conftest import (
    PATH,
    TARGET,
    add_customers,
    context_of,
    customer_of,
    rows,
    spec_of,
)
from sync_platform_tests.integration.push.pusher import ended, start_pusher
from sync_platform_tests.scripted_server import (
    RecordedRequest,
    ScriptedReply,
    ScriptedServer,
    json_reply,
    status,
)
from sync_platform_tests.torture.pushes import require_survival

OK = json_reply({"ok": True}, 201)
SAMPLE = (0, 4, 10, 11)
"""Seeds of what `make torture` does at length: at requests and at statements, resent and parked."""


def at_request(number: int, act: Callable[[], None]) -> Callable[[RecordedRequest], ScriptedReply]:
    """Take everybody, and act once when the n-th request from now has come."""
    seen = 0

    def answer(_: RecordedRequest) -> ScriptedReply:
        nonlocal seen
        seen += 1
        if seen == number:
            act()
        return OK

    return answer


@pytest.mark.parametrize("seed", SAMPLE)
def test_killed_pushes_miss_nobody_and_repeat_only_what_is_in_doubt(
    database: DatabaseAddress, seed: int
) -> None:
    assert require_survival(seed, database) > 0


def test_a_push_that_was_stopped_and_wakes_up_sends_nothing_any_more(
    database: DatabaseAddress, receiver: ScriptedServer
) -> None:
    add_customers(database, 12)
    pushers: list[subprocess.Popen[str]] = []
    stopped = threading.Event()

    def stop() -> None:
        os.kill(pushers[0].pid, signal.SIGSTOP)
        stopped.set()

    receiver.script(PATH, at_request(5, stop))
    spec = spec_of(f"{receiver.url}{PATH}")
    pushers.append(start_pusher(database, spec))
    try:
        assert stopped.wait(20)
        assert run_push(context_of(database, spec)).account.is_balanced
    finally:
        os.kill(pushers[0].pid, signal.SIGCONT)
    assert ended(pushers[0]) == {"error": "LostTargetError"}
    assert Counter(map(customer_of, receiver.requests)) == {
        f"c{n:05}": 2 if n == 5 else 1 for n in range(1, 13)
    }
    assert len({request.headers["idempotency-key"] for request in receiver.requests}) == 12
    [before, after] = rows(database, "select status from push_logs order by push_id")
    assert (before["status"], after["status"]) == ("failed", "completed")


def test_who_lost_the_target_can_neither_claim_nor_settle(
    database: DatabaseAddress, receiver: ScriptedServer
) -> None:
    add_customers(database, 3)
    receiver.script(PATH, status(401))
    with pytest.raises(UnauthorizedError):
        run_push(context_of(database, spec_of(f"{receiver.url}{PATH}")))
    [log] = rows(database, "select push_id from push_logs")
    asked: dict[str, Any] = {"statuses": ["planned"], "after": 0, "up_to": 9, "most": 1, "hold_s": 0}
    with (
        PushLedger(database, TARGET, log["push_id"]) as old,
        PushLedger(database, TARGET, log["push_id"] + 1) as new,
    ):
        old.open_target()
        [item] = old.claim(**asked)
        new.open_target()
        assert not old.owns_target()
        with pytest.raises(LostTargetError):
            old.claim(**asked)
        with pytest.raises(LostTargetError):
            old.settle([delivered(item)], hold_s=0, since_sent_s=0, has_after_each=False)
        old.close_target()
        assert new.owns_target()
    assert rows(database, "select is_open from push_targets") == [{"is_open": True}]
    found = rows(database, "select status, count(*) as n from push_deliveries group by 1 order by 1")
    assert found == [{"status": "planned", "n": 2}, {"status": "sending", "n": 1}]


def delivered(item: Item) -> Settlement:
    return Settlement(
        customer_id=item.customer_id,
        outcome="delivered",
        status="delivered",
        status_code=201,
        error=None,
        retry_s=None,
        is_untried=False,
        is_undoubted=False,
        sent_s=0,
        seconds=0,
    )
