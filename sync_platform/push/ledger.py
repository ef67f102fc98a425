"""What a push writes down: push_deliveries, push_attempts, push_logs and push_targets.

Each method is one named statement in `sql/push/`, committed by itself unless it says otherwise. What to write
is decided elsewhere. A ledger is used by one thread at a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

from psycopg.rows import dict_row
from psycopg.types.json import Json, Jsonb

from sync_platform.push.account import Account, Status
from sync_platform.push.items import Item
from sync_platform.push.render import RenderedItem
from sync_platform.vocabulary import PermanentError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement

Row = dict[str, Any]
PushKind = Literal["push", "replay"]

_MANY = 1000
_COPY_STAGED = "copy push_staged (position, customer_id, payload, request, payload_hash) from stdin"


class LostTargetError(PermanentError):
    """Another push took the target over, or this one lost its lock: it may not send any more."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What to write of one request.

    Attributes:
        customer_id: whose.
        outcome: its kind, for the history.
        status: what the row becomes.
        status_code: of the reply, or None.
        error: why, without values; None after a delivery.
        retry_s: seconds until it may be tried again in this push, or None.
        is_untried: the try does not count.
        is_undoubted: the receiver surely did not take it.
        sent_s: seconds since the request began.
        seconds: how long it took.
    """

    customer_id: str
    outcome: str
    status: str
    status_code: int | None
    error: str | None
    retry_s: float | None
    is_untried: bool
    is_undoubted: bool
    sent_s: float
    seconds: float


class PushLedger:
    """One connection to the books of one target; a context manager.

    Args:
        address: the database.
        target: the push's name.
        push_id: the push that writes.
        is_relaxed: let Postgres tell of a commit before it is on disk. A process that is killed loses nothing
            by it; a server that loses power may forget the last second of outcomes, which are in doubt then.
    """

    def __init__(
        self, address: DatabaseAddress, target: str, push_id: int, *, is_relaxed: bool = False
    ) -> None:
        self.target = target
        self.push_id = push_id
        self._connection = connect(address, autocommit=True)
        if is_relaxed:
            self._connection.execute("set synchronous_commit = off")
            # Planning the same small statement anew costs as much as running it.
            self._connection.execute("set plan_cache_mode = force_generic_plan")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def open_target(self) -> tuple[float, bool]:
        """Take the target over; every other push of it is a zombie from now on.

        Returns:
            The seconds that its pace still asks to wait, and whether the push before never told its end.
        """
        row = self._one("open_target")
        return float(row["wait_s"] or 0), row["was_open"]

    def close_target(self) -> None:
        """Say that nothing more is sent; the next push need not fear a zombie."""
        self._execute("close_target")

    def owns_target(self) -> bool:
        """Say whether this push may still send."""
        return bool(self._execute("owns_target"))

    def open_push(self, *, kind: PushKind, run_id: str, started_at: datetime) -> int:
        """Write the row of a push that begins, and return its round of `send: all`."""
        round_id = int(self._one("current_round")["round_id"])
        self._execute("open_push", kind=kind, run_id=run_id, round_id=round_id, started_at=started_at)
        return round_id

    def recover_sending(self, error: str) -> None:
        """Name what a dead push left in the middle as in doubt."""
        self._execute("recover_sending", error=error)

    def stage(self, items: Iterable[tuple[int, str, RenderedItem]]) -> tuple[int, int]:
        """Copy (position, key, request) rows into this session's staging table.

        Returns:
            How many rows there are, and how many repeat the key of another.
        """
        with classifying(f"staging the push {self.target}"):
            self._connection.execute("drop table if exists push_staged, push_judged")
            self._connection.execute(statement("push/stage"))
            with self._connection.cursor().copy(_COPY_STAGED) as copy:
                for position, key, item in items:
                    request = None if item.request is None else item.request.decode()
                    copy.write_row((position, key, item.payload.decode(), request, item.payload_hash))
            self._connection.execute("analyze push_staged")
        staged = self._one("staged_keys")
        return staged["selected"], staged["repeated"]

    def judge(self, *, round_id: int, is_all: bool) -> Account:
        """Compare what is staged with the books; `delivered` is 0. Writes nothing that lasts."""
        self._execute("judge_staged", round_id=round_id, is_all=is_all)
        return Account(**self._one("count_judged"))

    def plan(self, *, round_id: int, account: Account) -> None:
        """Write the judged plan into the books, and the account with it, both or neither."""
        with self._connection.transaction():
            self._execute("plan_judged", round_id=round_id)
            self.save_account(account, requests=0)
        self._connection.execute("drop table push_staged, push_judged")
        if account.planned >= _MANY:
            # Else the planner goes by the table as it was, and reads all of it for each small statement.
            self._connection.execute("analyze push_deliveries")

    def sample(self, *, most: int) -> list[Row]:
        """Some of those whom the judged plan would send to: `{customer_id, payload}`; for a dry run."""
        return self._execute("sample_judged", most=most)

    def plan_replay(self) -> int:
        """Plan again what is dead or parked in doubt; returns how many."""
        return int(self._one("plan_replay")["planned"])

    def plan_resumed(self, *, with_dead: bool) -> Account:
        """Take over what the ledger holds for the target, the dead too where these are tried again."""
        return Account(**self._one("plan_resumed", with_dead=with_dead))

    def suppress(self, customer_id: str, reason: str) -> None:
        """Note that a claimed customer is not sent to any more."""
        self._execute("suppress", customer_id=customer_id, reason=reason)

    def claim(
        self,
        *,
        statuses: Sequence[str],
        after: int,
        up_to: int,
        most: int,
        hold_s: float,
        prefers_fresh: bool = False,
    ) -> list[Item]:
        """Commit the intent to send up to `most` customers and return them in order.

        Args:
            statuses: which rows may be sent.
            after: position of the last customer that was claimed for the first time.
            up_to: position of the last customer that this push may take at all.
            most: how many.
            hold_s: how long another process must not send.
            prefers_fresh: take those who have not been tried first, and not the retries that are due.

        Raises:
            LostTargetError: nothing could be claimed because another push took over.
        """
        rows = self._execute(
            "claim",
            statuses=list(statuses),
            after=after,
            up_to=up_to,
            most=most,
            hold_s=hold_s,
            prefers_fresh=prefers_fresh,
        )
        if not rows and not self.owns_target():
            raise self.lost()
        items = [
            Item(
                customer_id=row["customer_id"],
                payload=row["payload"].encode(),
                request=row["request"],
                idempotency_key=row["idempotency_key"],
                position=row["position"],
                tries=row["tries"],
                was_in_doubt=row["claimed_from"] == "in_doubt",
            )
            for row in rows
        ]
        return sorted(items, key=lambda item: item.position)

    def last_position(self, limit: int) -> int:
        """Return the position of the last of the first `limit` customers that wait, in the source's order."""
        return int(self._one("last_position", most=limit)["position"])

    def settle(
        self,
        settlements: Sequence[Settlement],
        *,
        hold_s: float,
        since_sent_s: float,
        has_after_each: bool,
    ) -> None:
        """Write what became of requests, all or none.

        Raises:
            LostTargetError: another push took over and has named these customers in doubt.
        """
        rows = self._execute(
            "settle",
            outcomes=Json([_as_json(one) for one in settlements]),
            hold_s=hold_s,
            since_sent_s=since_sent_s,
            has_after_each=has_after_each,
        )
        if len(rows) < len(settlements):
            raise self.lost()

    def release(self, customer_ids: Sequence[str]) -> None:
        """Take back the intents of customers to whom nothing was sent."""
        self._execute("release", customer_ids=list(customer_ids))

    def next_due_s(self, statuses: Sequence[str]) -> float | None:
        """Tell how long until somebody may be tried again; None when nobody waits."""
        wait_s = self._one("next_due", statuses=list(statuses))["wait_s"]
        return None if wait_s is None else float(wait_s)

    def forgive_tries(self) -> None:
        """Give those who wait their tries back."""
        self._execute("forgive_tries")

    def account(self, planned: Account) -> Account:
        """Count where the customers that this push planned have ended.

        Args:
            planned: the account as the plan left it; it alone knows what was selected and delivered before.
        """
        return Account(
            selected=planned.selected,
            already_delivered=planned.already_delivered,
            **self._one("push_account"),
        )

    def save_account(self, account: Account, *, requests: int, after_each_pending: int = 0) -> None:
        """Write the account as far as it is known."""
        self._execute(
            "save_account", requests=requests, after_each_pending=after_each_pending, **asdict(account)
        )

    def close_push(self, *, status: Status, error: str | None, at: datetime) -> None:
        """Write how the push ended; a closed one stays as it is."""
        errors = [] if error is None else [{"error": error, "timestamp": at.isoformat()}]
        self._execute("close_push", status=status, errors=Jsonb(errors), completed_at=at)

    def close_abandoned(self, row: Row, *, error: str, at: datetime) -> None:
        """Close a dead push as failed, with its account as its last commit left it."""
        dead = {"push_id": row["push_id"]}
        planned = {name: row[name] for name in ("selected", "already_delivered")}
        terms = {**self._one("push_account", **dead), **planned}
        self._execute("save_account", requests=row["requests"], after_each_pending=0, **terms, **dead)
        errors = Jsonb([{"error": error, "timestamp": at.isoformat()}])
        self._execute("close_push", status="failed", errors=errors, completed_at=at, **dead)

    def running_pushes(self, run_id: str) -> list[Row]:
        """Pushes of other runs that say running."""
        return self._execute("running_pushes", run_id=run_id)

    def push_row(self, *, push_id: int | None = None, run_id: str | None = None) -> Row | None:
        """One push's row of the log, by its id or the run that did it."""
        rows = self._execute("push_row", push_id=push_id, run_id=run_id)
        return rows[0] if rows else None

    def status_before(self) -> str | None:
        """How the push before this one ended."""
        rows = self._execute("status_before")
        return rows[0]["status"] if rows else None

    def open_deliveries(self, *, most: int) -> list[Row]:
        """What is dead or in doubt, with the reason."""
        return self._execute("open_deliveries", most=most)

    def pending_after_each(self, *, after: int, most: int) -> list[Row]:
        """Deliveries whose step is still to be done, in their order; each with its id."""
        return self._execute("pending_after_each", after=after, most=most)

    def count_pending_after_each(self) -> int:
        """How many deliveries still wait for their step."""
        return int(self._one("count_pending_after_each")["pending"])

    def run_after_each(self, name: str, values: Mapping[str, Any]) -> None:
        """Execute the SQL step of one delivery and note it as done, both or neither, once.

        Raises:
            RetryableError, PermanentError: Postgres refused; nothing was noted.
        """
        with classifying(f"running after_each {name}"), self._connection.transaction():
            if self.finish_after_each(values["idempotency_key"]):
                self._connection.execute(statement(name), values)

    def finish_after_each(self, idempotency_key: str) -> bool:
        """Note the step of one delivery as done; False when it had been."""
        return bool(self._execute("finish_after_each", idempotency_key=idempotency_key))

    def fail_after_each(self, idempotency_key: str, error: str) -> None:
        """Note why the step of one delivery failed."""
        self._execute("fail_after_each", idempotency_key=idempotency_key, error=error)

    def lost(self) -> LostTargetError:
        """Return the error of a push that may not send any more."""
        return LostTargetError(
            f"Another push took over {self.target}; this one stops. What it was sending is in doubt and is "
            "settled by the other one."
        )

    def _one(self, name: str, **values: Any) -> Row:
        return self._execute(name, **values)[0]

    def _execute(self, name: str, **values: Any) -> list[Row]:
        values = {"target": self.target, "push_id": self.push_id} | values
        with (
            classifying(f"keeping the books of the push {self.target}"),
            self._connection.cursor(row_factory=dict_row) as cursor,
        ):
            cursor.execute(statement(f"push/{name}"), values)
            return cursor.fetchall() if cursor.description else []


def _as_json(settlement: Settlement) -> Row:
    return {
        "customer_id": settlement.customer_id,
        "outcome": settlement.outcome,
        "status": settlement.status,
        "status_code": settlement.status_code,
        "error": settlement.error,
        "retry_s": settlement.retry_s,
        "is_untried": settlement.is_untried,
        "is_undoubted": settlement.is_undoubted,
        "sent_s": settlement.sent_s,
        "seconds": settlement.seconds,
    }
