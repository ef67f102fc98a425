"""What the UI shows of a step: its report as metadata of the materialization.

Pure: reports in, metadata out. Numbers stay numbers, because the UI plots them over time; the sync's id is
text, because it is a count of nanoseconds that would spoil every plot.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from sync_platform.components.api_sync.names import SyncNames
from sync_platform.components.markdown import table
from sync_platform.pull.account import Account
from sync_platform.pull.lineage import roots_of, top_level_names
from sync_platform.pull.normalize import column_types
from sync_platform.pull.progress import ProgressEvent
from sync_platform.pull.replay import ReplayReport
from sync_platform.pull.reports import CloseReport, LoadReport, NormalizeReport, ReadReport
from sync_platform.pull.retry import RetryReport
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.watermark import Position, Watermark, format_watermark

Metadata = dict[str, dg.MetadataValue[Any]]
_MOST_ERRORS_SHOWN = 50


def read_metadata(spec: ApiSyncSpec, report: ReadReport) -> Metadata:
    """Show what was read: numbers, window, proof, errors, and where the pages landed."""
    return {
        "records": dg.MetadataValue.int(report.records),
        "pages": dg.MetadataValue.int(report.pages),
        "bytes": dg.MetadataValue.int(report.body_bytes),
        "seconds": _seconds(report.seconds),
        "distinct": dg.MetadataValue.int(report.distinct),
        "pages_queued": dg.MetadataValue.int(report.pages_queued),
        "sync_id": dg.MetadataValue.text(str(report.sync_id)),
        "sync_type": dg.MetadataValue.text(report.sync_type),
        "window": dg.MetadataValue.text(_window(report.window_since, report.window_until)),
        "proof": dg.MetadataValue.text(report.proof),
        "landing_path": dg.MetadataValue.path(report.landing_path),
        "dagster/column_schema": dg.MetadataValue.table_schema(record_schema(spec)),
        **({} if report.expected is None else {"expected": dg.MetadataValue.int(report.expected)}),
        **({"errors": dg.MetadataValue.md(_errors(report.errors))} if report.errors else {}),
    }


def normalize_metadata(spec: ApiSyncSpec, report: NormalizeReport) -> Metadata:
    """Show what became of the records, why some were quarantined, and where each column comes from."""
    reasons = report.quarantine_reasons
    return {
        "records": dg.MetadataValue.int(report.records),
        "rows": dg.MetadataValue.int(report.rows),
        "quarantined": dg.MetadataValue.int(report.quarantined),
        "outside_window": dg.MetadataValue.int(report.outside_window),
        "seconds": _seconds(report.seconds),
        "sync_ids": dg.MetadataValue.text(_ids(report.sync_ids)),
        "dagster/column_schema": dg.MetadataValue.table_schema(
            _columns(normalized_types(spec), _origins(spec))
        ),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(normalized_lineage(spec)),
        **(
            {"quarantine_reasons": dg.MetadataValue.md(table(("reason", "records"), reasons.items()))}
            if reasons
            else {}
        ),
    }


def load_metadata(spec: ApiSyncSpec, report: LoadReport) -> Metadata:
    """Show what the table took in: the account's terms as numbers, and the account whole."""
    terms = total_terms(report.accounts)
    loaded = sum(account.records_processed for account in report.accounts.values())
    return {
        **{name: dg.MetadataValue.int(count) for name, count in terms.items()},
        "unchanged_share": dg.MetadataValue.float(terms["unchanged"] / loaded if loaded else 0.0),
        "seconds": _seconds(report.seconds),
        "rows_per_s": dg.MetadataValue.int(round(loaded / report.seconds) if report.seconds else 0),
        "account": dg.MetadataValue.md(account_table(report.accounts)),
        "dagster/partition_row_count": dg.MetadataValue.int(loaded),
        "dagster/column_schema": dg.MetadataValue.table_schema(_columns(table_types(spec), _origins(spec))),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(table_lineage(spec)),
    }


def close_metadata(run_id: str, reports: Sequence[CloseReport]) -> Metadata:
    """Show how each sync ended, where the watermark stands, and which row of the log says so."""
    accounts = {report.sync_id: report.account for report in reports}
    rows = [(str(report.sync_id), report.status, report.proof) for report in reports]
    last = reports[-1] if reports else None
    return {
        "records_processed": dg.MetadataValue.int(sum(one.records_processed for one in accounts.values())),
        "pages": dg.MetadataValue.int(sum(report.pages for report in reports)),
        "seconds": _seconds(sum(report.duration_seconds for report in reports)),
        "status": dg.MetadataValue.md(table(("sync_id", "status", "proof"), rows)),
        "account": dg.MetadataValue.md(account_table(accounts)),
        "sync_logs": dg.MetadataValue.text(f"sync_logs where sync_id in ({_ids(accounts)})"),
        "run": dg.MetadataValue.dagster_run(run_id),
        "watermark_before": dg.MetadataValue.text(_place(last.watermark_before if last else None)),
        "watermark": dg.MetadataValue.text(_place(last.watermark_after if last else None)),
    }


def progress_metadata(event: ProgressEvent) -> Metadata:
    """Show how far the reading has come; what the source did not say is left out."""
    known = {
        "batch_num": event.batch_num,
        "total_batches": event.total_batches,
        "records": event.records,
        "pages": event.pages,
    }
    counts = {name: dg.MetadataValue.int(count) for name, count in known.items() if count is not None}
    percent = {} if event.percent is None else {"percent": dg.MetadataValue.float(event.percent)}
    return {**counts, **percent, "is_last": dg.MetadataValue.bool(event.is_last)}


def retry_counts(report: RetryReport) -> dict[str, int]:
    """Flatten what a drain did: its counts of entries, then the terms of its account."""
    entries = {
        "attempted": report.attempted,
        "done": report.done,
        "postponed": report.postponed,
        "dead": report.dead,
        "still_pending": report.still_pending,
    }
    return entries | {name: count for name, count in report.account.terms().items() if count is not None}


def replay_counts(report: ReplayReport) -> dict[str, int]:
    """Flatten what a replay did: its counts of records, then the terms of its account."""
    records = {
        "tried": report.tried,
        "resolved": report.resolved,
        "still_quarantined": report.still_quarantined,
    }
    return records | {name: count for name, count in report.account.terms().items() if count is not None}


def balance_check(names: SyncNames, report: LoadReport) -> dg.AssetCheckResult:
    """Judge whether every record that was seen has ended somewhere, sync by sync."""
    wrong = {sync_id: account for sync_id, account in report.accounts.items() if not account.is_balanced}
    said = "; ".join(
        f"sync {sync_id}: {account.seen} records seen, {account.accounted} accounted for"
        for sync_id, account in wrong.items()
    )
    return dg.AssetCheckResult(
        check_name=names.check,
        passed=not wrong,
        description=said or "Every record that was seen has ended somewhere.",
        metadata={
            "seen": dg.MetadataValue.int(sum(one.seen for one in report.accounts.values())),
            "accounted_for": dg.MetadataValue.int(sum(one.accounted for one in report.accounts.values())),
            "account": dg.MetadataValue.md(account_table(report.accounts)),
        },
    )


def total_terms(accounts: Mapping[int, Account]) -> dict[str, int]:
    """Sum each term of several accounts; what no account says counts as 0."""
    totals = Account().terms()
    return {
        name: sum(account.terms()[name] or 0 for account in accounts.values())
        for name in totals
        if name != "expected"
    }


def account_table(accounts: Mapping[int, Account]) -> str:
    """Write accounts as a Markdown table: one row a term, one column a sync, the sum at the end."""
    rows: list[tuple[object, ...]] = [
        (name, *("-" if (count := account.terms()[name]) is None else count for account in accounts.values()))
        for name in Account().terms()
    ]
    sums = (f"{one.accounted} of {one.seen}" for one in accounts.values())
    return table(("term", *map(str, accounts)), [*rows, ("**accounted for**", *sums)])


def record_schema(spec: ApiSyncSpec) -> dg.TableSchema:
    """Name the values of a record that the sync reads, with the JSON types that the YAML gives them."""
    types = {name: field.type or "json" for name, field in spec.field_specs.items()}
    return _columns({name: types.get(name, "json") for name in top_level_names(spec)})


def normalized_types(spec: ApiSyncSpec) -> dict[str, str]:
    """Name the columns of a normalized row and their types."""
    return {**column_types(spec), "source_updated_at": "timestamptz"}


def table_types(spec: ApiSyncSpec) -> dict[str, str]:
    """Name the columns of the target table and their types."""
    own = {"metadata": "jsonb", "updated_at": "timestamptz", "sync_id": "bigint"}
    return normalized_types(spec) | own


def normalized_lineage(spec: ApiSyncSpec) -> dg.TableColumnLineage:
    """Tell which values of a record each column of a normalized row is computed from."""
    roots = dict(roots_of(spec))
    if spec.incremental is not None and spec.incremental.cursor_name is not None and spec.incremental.is_time:
        roots.setdefault("source_updated_at", (spec.incremental.cursor_name,))
    pages = SyncNames(spec.source).pages
    return dg.TableColumnLineage({name: _deps(pages, values) for name, values in roots.items()})


def table_lineage(spec: ApiSyncSpec) -> dg.TableColumnLineage:
    """Tell which column of a normalized row each column of the table holds."""
    normalized = SyncNames(spec.source).normalized
    held = {name: _deps(normalized, (name,)) for name in normalized_types(spec)}
    return dg.TableColumnLineage(held | {"metadata": _deps(normalized, (spec.target.key,))})


def _deps(asset: str, columns: Iterable[str]) -> list[dg.TableColumnDep]:
    return [dg.TableColumnDep(asset_key=dg.AssetKey(asset), column_name=name) for name in columns]


def _columns(types: Mapping[str, str], origins: Mapping[str, str] | None = None) -> dg.TableSchema:
    """A schema whose columns say where they come from."""
    described = origins or {}
    return dg.TableSchema(
        [
            dg.TableColumn(name=name, type=kind, description=described.get(name))
            for name, kind in types.items()
        ]
    )


def _origins(spec: ApiSyncSpec) -> dict[str, str]:
    """Each column's SQL over the record, and what the platform writes itself."""
    own = {
        "source_updated_at": "when the source last changed the record",
        "metadata": "provenance: source, original_id, synced_at",
        "updated_at": "when the row last changed here",
        "sync_id": "the sync that wrote the row last",
    }
    return own | {name: column.sql for name, column in spec.column_specs.items()}


def _errors(errors: Sequence[Mapping[str, object]]) -> str:
    shown = [(error["page"], error["error"], error["timestamp"]) for error in errors[:_MOST_ERRORS_SHOWN]]
    return table(("page", "error", "timestamp"), shown)


def _seconds(seconds: float) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.float(round(seconds, 3))


def _window(since: Position | None, until: Position | None) -> str:
    return f"{_place(since)} to {_place(until)}"


def _place(watermark: Watermark | None) -> str:
    """Show a time or an integer; a token is the source's own and only named."""
    if isinstance(watermark, str):
        return f"a token of {len(watermark)} characters"
    return "-" if watermark is None else format_watermark(watermark)


def _ids(sync_ids: Iterable[int]) -> str:
    return ", ".join(map(str, sync_ids))
