"""The books of one kind of flow: how the CLI reads, shows and tells the accounts that a run left in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sync_platform.warehouse.address import DatabaseAddress

Row = Mapping[str, Any]


class _OfRun(Protocol):
    def __call__(self, address: DatabaseAddress, run_id: str) -> Sequence[Row]: ...


class _Show(Protocol):
    def __call__(self, row: Row, *, to_messages: bool) -> None: ...


class _AsJson(Protocol):
    def __call__(self, row: Row) -> dict[str, Any]: ...


class _Empty(Protocol):
    def __call__(self, *, is_success: bool) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Books:
    """How the accounts of one kind of flow are read and shown.

    Attributes:
        of_run: reads the accounts of a run, oldest first.
        show: shows one as a table; `to_messages` where standard output carries JSON.
        as_json: chooses what `--json` says of one.
        empty: the row of a run that left none: it failed before, or found nothing to do.
    """

    of_run: _OfRun
    show: _Show
    as_json: _AsJson
    empty: _Empty
