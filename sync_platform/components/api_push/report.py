"""What the UI shows of a push: its report as metadata of the materialization.

Pure: reports in, metadata out. Numbers stay numbers, because the UI plots them over time; the push's id is
text, because it is a count of nanoseconds that would spoil every plot.

Discretion: of a customer who got nothing, the key and the reason are shown, because the key is what finds
the row in `push_deliveries`; a key that is an e-mail address is masked. No other column of a customer is.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from sync_platform.components.api_push.names import PushNames
from sync_platform.components.api_push.progress import percent_of
from sync_platform.components.markdown import table
from sync_platform.push.account import Account
from sync_platform.push.plan import mask
from sync_platform.push.progress import PushProgress
from sync_platform.push.reports import PushReport, SourceReport

Metadata = dict[str, dg.MetadataValue[Any]]
Row = Mapping[str, Any]

_SAMPLE_SCHEMA = dg.TableSchema([dg.TableColumn("to"), dg.TableColumn("payload")])


def source_metadata(report: SourceReport) -> Metadata:
    """Show how many rows there are to send, and what they have to tell."""
    columns = [dg.TableColumn(name=name, type=kind) for name, kind in report.columns.items()]
    return {
        "dagster/row_count": dg.MetadataValue.int(report.rows),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
        "columns": dg.MetadataValue.int(len(columns)),
        "seconds": _seconds(report.seconds),
    }


def push_metadata(run_id: str, report: PushReport, undelivered: Iterable[Row]) -> Metadata:
    """Show how a push ended: the account's terms as numbers, and whole; who got nothing, and why."""
    listed = list(undelivered)
    return {
        **_counts(report),
        "rate_per_s": dg.MetadataValue.float(round(report.rate_per_s, 3)),
        "seconds": _seconds(report.duration_seconds),
        "push_id": dg.MetadataValue.text(str(report.push_id)),
        "status": dg.MetadataValue.text(report.status),
        "account": dg.MetadataValue.md(account_table(report.account)),
        "push_logs": dg.MetadataValue.text(f"push_logs where push_id = {report.push_id}"),
        "run": dg.MetadataValue.dagster_run(run_id),
        **({"ended_early": dg.MetadataValue.text(report.reason)} if report.reason else {}),
        **({"undelivered": dg.MetadataValue.md(undelivered_table(listed))} if listed else {}),
    }


def dry_run_metadata(report: PushReport) -> Metadata:
    """Show what a push would send, and to whom, masked."""
    samples = [
        dg.TableRecord({"to": sample["customer_id"], "payload": sample["payload"]})
        for sample in report.samples
    ]
    return {
        "dry_run": dg.MetadataValue.bool(True),
        **_terms(report.account),
        "account": dg.MetadataValue.md(account_table(report.account)),
        "samples": dg.MetadataValue.table(samples, schema=_SAMPLE_SCHEMA),
        "seconds": _seconds(report.duration_seconds),
    }


def progress_metadata(event: PushProgress) -> Metadata:
    """Show how far a push has come; what is not known is left out."""
    percent = percent_of(event)
    return {
        "sent": dg.MetadataValue.int(event.sent),
        "failed": dg.MetadataValue.int(event.failed),
        "to_send": dg.MetadataValue.int(event.total),
        "sending_rate_per_s": dg.MetadataValue.float(round(event.rate_per_s, 3)),
        "is_last": dg.MetadataValue.bool(event.is_last),
        **({} if percent is None else {"percent": dg.MetadataValue.float(round(percent, 1))}),
        **({} if event.left_s is None else {"left_s": dg.MetadataValue.float(round(event.left_s, 1))}),
    }


def replay_counts(report: PushReport) -> dict[str, int]:
    """Flatten what a replay did: the terms of its account, and the requests that it took."""
    return {**report.account.terms(), "requests": report.requests}


def balance_check(names: PushNames, report: PushReport) -> dg.AssetCheckResult:
    """Judge whether every selected customer has ended somewhere."""
    account = report.account
    said = f"{account.selected} customers selected, {account.accounted} accounted for"
    return dg.AssetCheckResult(
        check_name=names.check,
        asset_key=dg.AssetKey(names.deliveries),
        passed=account.is_balanced,
        description="Every selected customer has ended somewhere." if account.is_balanced else said,
        metadata={
            "selected": dg.MetadataValue.int(account.selected),
            "accounted_for": dg.MetadataValue.int(account.accounted),
            "account": dg.MetadataValue.md(account_table(account)),
        },
    )


def account_table(account: Account) -> str:
    """Write an account as a Markdown table: one row a term, the sum at the end."""
    sums = ("**accounted for**", f"{account.accounted} of {account.selected}")
    return table(("term", "customers"), [*account.terms().items(), sums])


def undelivered_table(rows: Iterable[Row]) -> str:
    """List who got nothing: key, what became of it, how often it was tried, and why."""
    shown = (
        (f"`{shown_key(row['customer_id'])}`", row["status"], row["attempts"], row["last_error"] or "")
        for row in rows
    )
    return table(("key", "status", "attempts", "reason"), shown)


def shown_key(key: str) -> str:
    """Show a key as it is, unless it is an e-mail address."""
    return mask(key) if "@" in key else key


def _counts(report: PushReport) -> Metadata:
    beside = {"requests": report.requests, "after_each_pending": report.after_each_pending}
    return {**_terms(report.account), **{name: dg.MetadataValue.int(n) for name, n in beside.items()}}


def _terms(account: Account) -> Metadata:
    return {name: dg.MetadataValue.int(count) for name, count in account.terms().items()}


def _seconds(seconds: float) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.float(round(seconds, 3))
