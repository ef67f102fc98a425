"""Pagination: small state machines that say which page comes next. Pure: nothing is sent here.

Cursors are read one after the other (`paginator`, then `first` and `advance`); page and offset with a total
can be read in any order (`plan`). Here also belongs the total, and noticing that a server goes in circles.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from pydantic import JsonValue

from sync_platform.api.exchange import Reply
from sync_platform.api.json_path import JsonPath, Missing
from sync_platform.api.spec import PaginationSpec, TotalSpec
from sync_platform.api.urls import follow
from sync_platform.vocabulary import PermanentError

_MAX_EMPTY_PAGES_IN_A_ROW = 1000
_LINK = re.compile(r'<(?P<url>[^>]*)>(?P<params>(?:[^,"]|"(?:[^"\\]|\\.)*")*)')
_LINK_PARAM = re.compile(r';\s*(?P<name>[^\s=;,]+)\s*(?:=\s*(?P<value>"(?:[^"\\]|\\.)*"|[^\s;,"]*))?')


class RepeatedPageError(PermanentError):
    """The server leads to a page that was read already, so that reading would never end."""


class PaginationError(PermanentError):
    """The server says that there is more, but not where; ending there would lose records silently."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page to ask for.

    Attributes:
        number: position in the order of reading, starting at 1.
        values: what {page}, {offset} and {cursor} stand for.
        url: the server's own URL of this page, absolute; None where the request's template makes it.
    """

    number: int
    values: Mapping[str, JsonValue] = field(default_factory=dict)
    url: str | None = None


class Paginator(Protocol):
    """Leads from page to page, in order."""

    def first(self) -> PageRequest:
        """Return the first page."""
        ...

    def advance(
        self, page: PageRequest, reply: Reply, record_count: int, last_record: bytes | None
    ) -> PageRequest | None:
        """Return the page after `page`, or None at the end.

        Args:
            page: the one that was read.
            reply: its answer.
            record_count: how many records it held, broken ones included.
            last_record: its last record's bytes, None on an empty page.

        Raises:
            RepeatedPageError: the server goes in circles; not retryable.
            PaginationError: it contradicts itself; not retryable.
        """
        ...


def paginator(spec: PaginationSpec, base_url: str) -> Paginator:
    """Return a fresh paginator for one read from the first page to the last; `base_url` bounds next links."""
    return _SequentialPaginator(spec, base_url)


def plan(spec: PaginationSpec, total: int, page_length: int) -> Iterator[PageRequest]:
    """Yield the pages after the first, for a page or offset pagination whose total is known.

    Args:
        spec: of type page or offset.
        total: the number of records that page 1 told.
        page_length: how many records page 1 really held, which may be fewer than were asked for.
    """
    if page_length > 0:
        for number in range(2, -(-total // page_length) + 1):
            yield PageRequest(number, _planned_values(spec, number, page_length))


def too_many_pages(spec: PaginationSpec) -> str:
    """Say that the API leads on behind the last page that a read may ask for."""
    return (
        f"{spec.max_pages} pages were read and the API still leads on; "
        "if it really holds more, raise pagination.max_pages"
    )


def _planned_values(spec: PaginationSpec, number: int, page_length: int) -> dict[str, JsonValue]:
    if spec.type == "page":
        return {"page": _first_number(spec) + number - 1}
    return {"offset": _first_number(spec) + (number - 1) * page_length}


def _first_number(spec: PaginationSpec) -> int:
    if spec.first is not None:
        return spec.first
    return 1 if spec.type == "page" else 0


class _SequentialPaginator:
    """Every kind read in order: who says "go on", where the next page is, and whether it was read before."""

    def __init__(self, spec: PaginationSpec, base_url: str) -> None:
        self._spec = spec
        self._base_url = base_url
        self._seen: set[bytes] = set()
        self._empty_pages = 0

    def first(self) -> PageRequest:
        if self._spec.type in ("page", "offset"):
            return PageRequest(1, {self._spec.type: _first_number(self._spec)})
        return PageRequest(1)

    def advance(
        self, page: PageRequest, reply: Reply, record_count: int, last_record: bytes | None
    ) -> PageRequest | None:
        if reply.ends_pages or self._spec.type == "none":
            return None
        goes_on = self._goes_on(reply)
        if goes_on is False:
            return None
        self._count_empty(record_count)
        following = self._following(page, reply, record_count, last_record, is_stated=goes_on is True)
        if following is not None:
            if following.number > self._spec.max_pages:
                raise PaginationError(too_many_pages(self._spec))
            self._refuse_circle(page, following, last_record)
        return following

    def _goes_on(self, reply: Reply) -> bool | None:
        """Return what has_more or done says; None where the spec has neither or this answer is silent."""
        if self._spec.has_more is not None:
            return _flag(self._spec.has_more, reply)
        if self._spec.done is not None:
            is_done = _flag(self._spec.done, reply)
            return None if is_done is None else not is_done
        return None

    def _following(
        self,
        page: PageRequest,
        reply: Reply,
        record_count: int,
        last_record: bytes | None,
        *,
        is_stated: bool,
    ) -> PageRequest | None:
        number = page.number + 1
        match self._spec.type:
            case "page" | "offset":
                if record_count == 0 and not is_stated:
                    return None
                return PageRequest(number, _counted_on(page, record_count))
            case "next_url" | "link_header":
                link = self._next_link(reply)
                if link is not None:
                    return PageRequest(number, url=follow(self._base_url, reply.url, link))
            case _:
                cursor = self._next_cursor(reply, last_record)
                if cursor is not None:
                    return PageRequest(number, {"cursor": cursor})
        if is_stated:
            raise PaginationError(
                f"page {page.number} says that there is more, but not where ({self._spec.type}); "
                "check pagination against the API's own page"
            )
        return None

    def _next_link(self, reply: Reply) -> str | None:
        if self._spec.type == "link_header":
            return next_link(reply.headers.get("Link", ""))
        value = self._spec.next.find_in(reply.body) if self._spec.next else None
        if isinstance(value, str):
            return value.strip() or None
        if _is_no_value(value):
            return None
        raise PaginationError(f"pagination.next ({self._spec.next}) is no URL; for a token use type: cursor")

    def _next_cursor(self, reply: Reply, last_record: bytes | None) -> JsonValue:
        if self._spec.type == "cursor":
            value = self._spec.next.find_in(reply.body) if self._spec.next else None
            return None if _is_no_value(value) or isinstance(value, Missing) else value
        if last_record is None or self._spec.field is None:
            return None
        cursor = self._spec.field.find_in(last_record)
        if isinstance(cursor, Missing) or cursor is None:
            raise PaginationError(
                f"the last record of a page has no {self._spec.field} (pagination.field) to go on from"
            )
        return cursor

    def _count_empty(self, record_count: int) -> None:
        self._empty_pages = 0 if record_count else self._empty_pages + 1
        if self._empty_pages > _MAX_EMPTY_PAGES_IN_A_ROW:
            raise RepeatedPageError(
                f"{self._empty_pages} empty pages in a row, each saying that there is more; check pagination"
            )

    def _refuse_circle(self, page: PageRequest, following: PageRequest, last_record: bytes | None) -> None:
        """Raise where the following page was asked for before, or a counted page repeats the records before.

        Only hashes are kept: 16 bytes a page. A server that ignores {page} answers the same for ever; there
        the last record gives it away.
        """
        if not self._remember("asked", following.values, following.url):
            raise RepeatedPageError(
                f"page {page.number} leads back to a page that was read already; the API goes in circles"
            )
        if (
            self._spec.type in ("page", "offset")
            and last_record
            and not self._remember("ends with", last_record)
        ):
            raise RepeatedPageError(
                f"page {page.number} ends with the same record as an earlier page; "
                "check that the API reads the page parameters that request.params sends"
            )

    def _remember(self, *what: object) -> bool:
        digest = hashlib.blake2b(msgspec.json.encode(what), digest_size=16).digest()
        is_new = digest not in self._seen
        self._seen.add(digest)
        return is_new


def _counted_on(page: PageRequest, record_count: int) -> dict[str, JsonValue]:
    ((name, at),) = page.values.items()
    step = 1 if name == "page" else record_count
    return {name: at + step} if isinstance(at, int) else {}


def _flag(path: JsonPath, reply: Reply) -> bool | None:
    value = path.find_in(reply.body)
    if isinstance(value, Missing) or value is None:
        return None
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise PaginationError(f"{path} (pagination.has_more or done) is no boolean in the answer; check the path")


def _is_no_value(value: JsonValue | Missing) -> bool:
    """Return whether this is one of the ways to say "no next page": absent, null, "", false, 0."""
    return isinstance(value, Missing) or not value


def next_link(header: str) -> str | None:
    """Return the target of `rel="next"` in a Link header (RFC 8288), or None."""
    for link in _LINK.finditer(header):
        for param in _LINK_PARAM.finditer(link["params"]):
            is_rel = param["name"].lower() == "rel"
            if is_rel and "next" in (param["value"] or "").strip('"').lower().split():
                return link["url"].strip()
    return None


@dataclass(frozen=True, slots=True)
class BadTotal:
    """What stands where the total should is none; the caller decides what that leaves unproven.

    Attributes:
        reason: what is wrong, without quoting the value.
    """

    reason: str


def read_total(reply: Reply, spec: TotalSpec) -> int | BadTotal | None:
    """Return the number of records that an answer tells, or None where it tells none.

    A numeric text is a total, and so is the last part of `Content-Range: 0-9/200` (RFC 9110, 14.4).
    """
    where = f"total ({spec.header or spec.path})"
    value: JsonValue | Missing
    if spec.header is not None:
        value = reply.headers.get(spec.header, "").rpartition("/")[2].strip()
        value = None if value in ("", "*") else value
    else:
        value = spec.path.find_in(reply.body) if spec.path else None
    if isinstance(value, Missing) or value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value, re.ASCII):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return BadTotal(f"{where} is no whole number")
    return value if value >= 0 else BadTotal(f"{where} is negative")
