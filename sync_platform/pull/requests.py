"""What is asked of the source: the YAML's request, filled in for a window and a page."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from sync_platform.api.pages import PageRequest
from sync_platform.api.urls import follow
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.times import write_time
from sync_platform.pull.watermark import Position
from sync_platform.pull.window import Window

_FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)
_LAST_INTEGER = 2**53 - 1  # the last one that every JSON reader keeps


def window_values(spec: ApiSyncSpec, window: Window) -> Mapping[str, JsonValue]:
    """The values of {since}, {until} and {page_size} for a window."""
    return {
        "since": window.token if token_is_since(spec) else written(spec, window.since),
        "until": written(spec, _end(spec) if window.until is None else window.until),
        "page_size": spec.page_size,
    }


def first_page(spec: ApiSyncSpec, window: Window, first: PageRequest, base_url: str) -> PageRequest:
    """The first page of a window; where the source handed over a token, it may be that token's.

    Raises:
        ForeignOriginError: the token is a URL of another host.
    """
    if window.token is None or token_is_since(spec):
        return first
    if spec.pagination.type in ("next_url", "link_header"):
        return PageRequest(first.number, url=follow(base_url, base_url, window.token))
    return PageRequest(first.number, {**first.values, "cursor": window.token})


def _end(spec: ApiSyncSpec) -> Position | None:
    """What {until} says where there is no end: nothing, or the far future where it may not be missing."""
    if spec.incremental is None or spec.incremental.full == "unfiltered":
        return None
    return _LAST_INTEGER if spec.incremental.is_integer else _FAR_FUTURE


def token_is_since(spec: ApiSyncSpec) -> bool:
    """Whether the source's token stands for {since}; else it is the first URL or {cursor}."""
    return (
        spec.incremental is not None
        and spec.incremental.token is not None
        and "since" in spec.request.placeholders()
    )


def written(spec: ApiSyncSpec, position: Position | None) -> JsonValue:
    """How a request writes a position; None for none."""
    if position is None or spec.incremental is None:
        return None
    if isinstance(position, int):
        return position
    return write_time(position, spec.incremental.param_format or spec.incremental.format)
