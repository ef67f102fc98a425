"""One page of a source, looked at closely: what the API answers, what the YAML makes of it, what is wrong.

Here belong the question and its findings; nothing is landed, loaded or written. Values are masked: a letter
is shown as `x`, a digit as `9`, so that formats can be seen and customers cannot.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import polars as pl

from sync_platform.api.envelope import open_reply
from sync_platform.api.exchange import Reply
from sync_platform.api.pages import BadTotal
from sync_platform.api.spec import RetrySpec
from sync_platform.pull.identity import Identities, all_records
from sync_platform.pull.land import LandedPage
from sync_platform.pull.normalize import NormalizedBlock, Normalizer, column_types
from sync_platform.pull.records import RecordDecoder
from sync_platform.pull.source import Source, client_for
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import Window
from sync_platform.vocabulary import SyncPlatformError, UsageError

_LONGEST_SHOWN = 40
_KINDS = {str: "text", bool: "boolean", int: "integer", float: "number", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A field of the first record, or a column of the first row.

    Attributes:
        name: of the field or column.
        type: JSON type of a field, Postgres type of a column.
        value: masked.
        filled: of a column, in how many of the page's rows it has a value.
    """

    name: str
    type: str
    value: str
    filled: int | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """What one page shows.

    Attributes:
        request: what was asked, without values.
        status: HTTP status, or None where no reply came.
        records: how many records it holds.
        total: what the source says there are, or why that is not known.
        following: what comes after this page.
        fields: of the first record.
        columns: of the first row.
        problems: what is wrong, and what to do; empty where nothing is.
    """

    request: str
    status: int | None = None
    records: int = 0
    total: str = "not told"
    following: str = "nothing"
    fields: tuple[Shown, ...] = ()
    columns: tuple[Shown, ...] = ()
    problems: tuple[str, ...] = ()


def examine(spec: ApiSyncSpec, environment: Mapping[str, str]) -> Examination:
    """Ask for the first page of a full sync, once, and tell what it shows; a failure is a finding.

    Raises:
        UsageError: a `${NAME}` in the YAML is unset.
    """
    return asyncio.run(_examine(spec.model_copy(update={"retries": RetrySpec(count=0)}), environment))


async def _examine(spec: ApiSyncSpec, environment: Mapping[str, str]) -> Examination:
    found = Examination(f"{spec.request.method} {spec.base_url}{spec.request.path}")
    try:
        async with client_for(spec, environment) as client:
            start = (
                spec.incremental.start if spec.incremental and spec.incremental.full == "from_start" else None
            )
            source = Source(spec, client, Window("full", start, None, None, None), Identities(spec))
            page = source.first_page(source.paginator())
            reply = await client.send(source.request(page))
            found = replace(found, status=reply.status)
            total = await source.total(reply)
            found = replace(found, total="not told" if total is None else _said_total(total))
            records = all_records(reply, spec)
            last = bytes(records[-1]) if records else None
            following = source.paginator().advance(page, reply, len(records), last)
            told = "the end" if following is None else _said_next(following.url, following.values)
            found = replace(found, records=len(records), following=told, fields=_fields(records))
            columns, problems = _normalized(spec, reply)
            problems += _contradictions(total, len(records), is_last=following is None)
            return replace(found, columns=columns, problems=tuple(problems))
    except UsageError:
        raise
    except SyncPlatformError as error:
        return replace(found, problems=(*found.problems, str(error)))


def mask(value: Any) -> str:
    """Show the form of a value: letters as `x`, digits as `9`; of objects the names, of lists the length."""
    if isinstance(value, dict):
        return f"{{{', '.join(list(value)[:8])}{', ...' if len(value) > 8 else ''}}}"  # noqa: PLR2004 -- enough
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", str(value)))
        return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}... ({len(text)} characters)"
    return json.dumps(value)


def _fields(records: Sequence[msgspec.Raw]) -> tuple[Shown, ...]:
    try:
        first = json.loads(bytes(records[0]), strict=False) if records else {}
    except ValueError:
        return ()
    members = first.items() if isinstance(first, dict) else ()
    return tuple(Shown(name, _kind(value), mask(value)) for name, value in members)


def _kind(value: object) -> str:
    return "object" if isinstance(value, dict) else "list" if isinstance(value, list) else _KINDS[type(value)]


def _normalized(spec: ApiSyncSpec, reply: Reply) -> tuple[tuple[Shown, ...], list[str]]:
    """What the columns give over the page, and which of its records break the contract, and why."""
    if reply.ends_pages and not open_reply(reply, spec.records).record_count:
        return (), ["the first page already says that there are no more pages (response_actions)"]
    page = LandedPage(1, b"{}", reply.body)
    block = Normalizer(spec, Window("full", None, None, None, None)).block([page])
    types: dict[str, str] = {**column_types(spec), "source_updated_at": "timestamptz"}
    columns = tuple(
        Shown(name, kind, _first(block.rows[name]), len(block.rows) - block.rows[name].null_count())
        for name, kind in types.items()
    )
    return columns, [*_rejections(block), *_never_there(spec, page)]


def _first(values: pl.Series) -> str:
    found = values.drop_nulls()
    return "null" if found.is_empty() else mask(str(found[0]))


def _rejections(block: NormalizedBlock) -> list[str]:
    reasons = Counter(reject.reason for reject in block.rejected)
    return [
        f"{count} of {block.records} records would be quarantined: {reason}"
        for reason, count in reasons.items()
    ]


def _never_there(spec: ApiSyncSpec, page: LandedPage) -> list[str]:
    """Names that the YAML uses and that no record of the page has."""
    accepted, _ = RecordDecoder(spec).decode(page)
    if not accepted.positions:
        return []
    never = [name for name, values in accepted.columns.items() if all(value is None for value in values)]
    return [
        f"`{name}` is in none of the {len(accepted.positions)} records: is it spelt so?" for name in never
    ]


def _contradictions(total: int | BadTotal | None, records: int, *, is_last: bool) -> list[str]:
    if isinstance(total, BadTotal):
        return [total.reason]
    if total == 0 and records:
        return [f"the total is 0 beside {records} records"]
    if not records:
        return ["the page holds no record: nothing can be said about the columns"]
    if total is not None and is_last and total > records:
        return [f"the pages end after {records} records though the total is {total}: check pagination"]
    return []


def _said_total(total: int | BadTotal) -> str:
    return total.reason if isinstance(total, BadTotal) else str(total)


def _said_next(url: str | None, values: Mapping[str, Any]) -> str:
    if url is not None:
        return "a URL on the same host"
    ((name, value),) = values.items()
    return f"{name} {value}" if name in ("page", "offset") else f"{name} {mask(value)}"
