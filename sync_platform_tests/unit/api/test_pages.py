"""Pagination, page by page: every kind, every way to end, and every way to go in circles."""

from collections.abc import Iterable
from typing import Any

import pytest

from sync_platform.api.failures import ForeignOriginError
from sync_platform.api.pages import (
    BadTotal,
    PageRequest,
    PaginationError,
    RepeatedPageError,
    next_link,
    paginator,
    plan,
    read_total,
)
from sync_platform.api.spec import PaginationSpec, TotalSpec
from sync_platform_tests.unit.api.replies import reply_of

BASE = "https://api.example.com/v1"


NO_TOTALS: tuple[object, ...] = (7.5, True, "many", "", "-1", [], {}, "9" * 30)


def spec_of(**yaml: Any) -> PaginationSpec:
    return PaginationSpec.model_validate(yaml)


def walk(
    spec: PaginationSpec, answers: Iterable[dict[str, Any]], records_key: str = "data"
) -> list[PageRequest]:
    """Read the answers in order, as long as the paginator asks, and return what it asked for."""
    machine = paginator(spec, BASE)
    page: PageRequest | None = machine.first()
    asked: list[PageRequest] = []
    for answer in answers:
        assert page is not None, "asked for nothing, but there is more"
        asked.append(page)
        records = answer.get(records_key, [])
        last = str(records[-1]).replace("'", '"').encode() if records else None
        page = machine.advance(page, reply_of(answer, answer.get("headers")), len(records), last)
    if page is not None:
        asked.append(page)
    return asked


def values(pages: list[PageRequest]) -> list[dict[str, Any]]:
    return [dict(page.values) for page in pages]


def rows(*ids: int) -> Any:
    return [{"id": i} for i in ids]


def test_none_reads_one_page() -> None:
    assert values(walk(spec_of(), [{"data": rows(1)}])) == [{}]


def test_a_counted_read_ends_at_the_first_empty_page_never_at_a_short_one() -> None:
    answers = [{"data": rows(1, 2)}, {"data": rows(3)}, {"data": rows(4, 5)}, {"data": []}]
    assert values(walk(spec_of(type="page"), answers)) == [{"page": n} for n in (1, 2, 3, 4)]
    assert values(walk(spec_of(type="page", first=0), answers)) == [{"page": n} for n in (0, 1, 2, 3)]


def test_an_offset_moves_by_what_really_came() -> None:
    answers = [{"data": rows(1, 2)}, {"data": rows(3)}, {"data": []}]
    assert values(walk(spec_of(type="offset"), answers)) == [{"offset": n} for n in (0, 2, 3)]
    assert values(walk(spec_of(type="offset", first=1), answers)) == [{"offset": n} for n in (1, 3, 4)]


@pytest.mark.parametrize(
    ("spec", "last"),
    [
        (spec_of(type="page", has_more="more"), {"data": rows(3), "more": False}),
        (spec_of(type="page", has_more="more"), {"data": rows(3), "more": "false"}),
        (spec_of(type="page", done="done"), {"data": rows(3), "done": True}),
        (spec_of(type="page", done="done"), {"data": rows(3), "done": 1}),
        (spec_of(type="cursor", next="next", has_more="more"), {"data": rows(3), "next": "c", "more": False}),
        (spec_of(type="cursor", next="next", done="done"), {"data": rows(3), "next": "c", "done": True}),
        (spec_of(type="last_record", field="id", has_more="more"), {"data": rows(3), "more": False}),
    ],
)
def test_has_more_and_done_outrank_everything(spec: PaginationSpec, last: dict[str, Any]) -> None:
    assert len(walk(spec, [last])) == 1


def test_has_more_reads_on_over_an_empty_page() -> None:
    answers = [{"data": rows(1), "more": True}, {"data": [], "more": True}, {"data": rows(2), "more": False}]
    assert len(walk(spec_of(type="page", has_more="more"), answers)) == 3


def test_an_answer_without_its_flag_falls_back_to_next() -> None:
    spec = spec_of(type="cursor", next="next", has_more="more")
    assert len(walk(spec, [{"data": rows(1), "next": "a"}, {"data": rows(2), "more": None}])) == 2


def test_more_without_a_next_is_an_error_and_no_silent_end() -> None:
    with pytest.raises(PaginationError, match="page 1 says that there is more, but not where"):
        walk(spec_of(type="cursor", next="next", has_more="more"), [{"data": rows(1), "more": True}])


def test_a_flag_that_is_no_boolean_is_an_error() -> None:
    with pytest.raises(PaginationError, match="no boolean"):
        walk(spec_of(type="page", has_more="more"), [{"data": rows(1), "more": {"a": 1}}])


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}, {"next": False}, {"next": 0}])
def test_a_cursor_read_ends_where_no_cursor_is_given(end: dict[str, Any]) -> None:
    answers = [{"data": rows(1), "next": "a"}, {"data": [], "next": 7}, {"data": rows(2), **end}]
    assert values(walk(spec_of(type="cursor", next="next"), answers)) == [{}, {"cursor": "a"}, {"cursor": 7}]


def test_last_record_goes_on_from_its_field_until_an_empty_page() -> None:
    answers = [{"data": rows(1, 2)}, {"data": rows(5)}, {"data": []}]
    assert values(walk(spec_of(type="last_record", field="id"), answers)) == [
        {},
        {"cursor": 2},
        {"cursor": 5},
    ]


def test_a_last_record_without_its_field_is_an_error() -> None:
    with pytest.raises(PaginationError, match=r"no uid \(pagination\.field\)"):
        walk(spec_of(type="last_record", field="uid"), [{"data": rows(1)}])


def test_next_urls_are_made_absolute_and_stay_on_the_origin() -> None:
    answers = [
        {"data": rows(1), "next": "/v1/users?c=2"},
        {"data": rows(2), "next": "?c=3"},
        {"data": rows(3)},
    ]
    asked = walk(spec_of(type="next_url", next="next"), answers)
    assert [page.url for page in asked] == [None, f"{BASE}/users?c=2", f"{BASE}/users?c=3"]
    with pytest.raises(ForeignOriginError, match=r"https://evil\.test"):
        walk(spec_of(type="next_url", next="next"), [{"data": rows(1), "next": "https://evil.test/users"}])
    with pytest.raises(PaginationError, match="use type: cursor"):
        walk(spec_of(type="next_url", next="next"), [{"data": rows(1), "next": 17}])


def test_a_link_header_leads_on_until_it_has_no_next() -> None:
    answers = [
        {"data": rows(1), "headers": {"Link": f'<{BASE}/users?p=2>; rel="next"'}},
        {"data": rows(2), "headers": {"Link": f'<{BASE}/users?p=1>; rel="prev"'}},
    ]
    assert [page.url for page in walk(spec_of(type="link_header"), answers)] == [None, f"{BASE}/users?p=2"]


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", None),
        ('<a>; rel="next"', "a"),
        ("<a>; rel=next", "a"),
        ('<a>; rel="prev", <b>; rel="next"', "b"),
        ('<a?x=1,2;y>; title="a, <z>; rel=next"; rel="prev", <b>; REL="last Next"', "b"),
        ("<a> ; rel = next ; title=x", "a"),
        ('<a>; rel="nextish"', None),
        ('<a>; title="rel=next"', None),
        ("a; rel=next", None),
    ],
)
def test_link_headers_are_read_as_rfc_8288_says(header: str, target: str | None) -> None:
    assert next_link(header) == target


@pytest.mark.parametrize(
    ("spec", "key"),
    [(spec_of(type="cursor", next="next"), "next"), (spec_of(type="next_url", next="next"), "next")],
)
@pytest.mark.parametrize("cycle", [["a"], ["a", "b"], ["a", "b", "c", "d"]])
def test_a_repeated_token_or_url_ends_the_loop(spec: PaginationSpec, key: str, cycle: list[str]) -> None:
    answers = [{"data": rows(n), key: cycle[n % len(cycle)]} for n in range(20)]
    with pytest.raises(RepeatedPageError, match=f"page {len(cycle) + 1} leads back"):
        walk(spec, answers)


def test_a_server_that_ignores_the_page_number_is_noticed() -> None:
    with pytest.raises(RepeatedPageError, match="page 2 ends with the same record"):
        walk(spec_of(type="page"), [{"data": rows(1, 2)}] * 5)


def test_empty_pages_that_always_promise_more_end_as_an_error() -> None:
    with pytest.raises(RepeatedPageError, match="empty pages in a row"):
        walk(spec_of(type="page", has_more="more"), [{"data": [], "more": True}] * 2000)


@pytest.mark.parametrize(
    ("spec", "most"),
    [
        (spec_of(type="cursor", next="next"), 1_000_000),
        (spec_of(type="next_url", next="next", max_pages=7), 7),
        (spec_of(type="last_record", field="id", max_pages=7), 7),
        (spec_of(type="page", max_pages=7), 7),
        (spec_of(type="offset", max_pages=7), 7),
    ],
    ids=lambda value: value.type if isinstance(value, PaginationSpec) else str(value),
)
def test_pages_that_are_new_for_ever_end_as_an_error(spec: PaginationSpec, most: int) -> None:
    name = spec.type if spec.type in ("page", "offset") else "cursor"
    machine, endless = paginator(spec, BASE), reply_of({"data": rows(1), "next": "new"})
    before_last = PageRequest(most - 1, {name: most - 1})
    last = machine.advance(before_last, endless, 1, b'{"id": 1}')
    assert last is not None
    assert last.number == most
    with pytest.raises(PaginationError, match=rf"{most} pages .* raise pagination.max_pages"):
        machine.advance(last, reply_of({"data": rows(2), "next": "newer"}), 1, b'{"id": 2}')


def test_an_api_that_ends_with_the_last_page_allowed_is_no_error() -> None:
    answers = [{"data": rows(1), "next": "a"}, {"data": rows(2)}]
    assert len(walk(spec_of(type="cursor", next="next", max_pages=2), answers)) == 2


def test_an_offset_that_does_not_move_is_a_circle() -> None:
    with pytest.raises(RepeatedPageError):
        walk(spec_of(type="offset", has_more="more"), [{"data": [], "more": True}] * 5)


def test_a_response_action_ends_the_pages() -> None:
    machine = paginator(spec_of(type="page"), BASE)
    assert machine.advance(machine.first(), reply_of({}, ends_pages=True), 5, b"{}") is None


@pytest.mark.parametrize(
    ("spec", "total", "page_length", "expected"),
    [
        (spec_of(type="page"), 250, 100, [{"page": 2}, {"page": 3}]),
        (spec_of(type="page", first=0), 200, 100, [{"page": 1}]),
        (spec_of(type="offset"), 250, 100, [{"offset": 100}, {"offset": 200}]),
        (spec_of(type="offset", first=1), 101, 50, [{"offset": 51}, {"offset": 101}]),
        (spec_of(type="page"), 100, 100, []),
        (spec_of(type="page"), 0, 0, []),
        (spec_of(type="page"), 5, 0, []),
    ],
)
def test_a_total_plans_all_further_pages(
    spec: PaginationSpec, total: int, page_length: int, expected: list[dict[str, int]]
) -> None:
    pages = list(plan(spec, total, page_length))
    assert values(pages) == expected
    assert [page.number for page in pages] == list(range(2, len(expected) + 2))


@pytest.mark.parametrize(
    ("value", "total"),
    [
        (7, 7),
        (0, 0),
        ("7", 7),
        (" 12 ", 12),
        (7.0, 7),
        (None, None),
        (-1, BadTotal("total (n) is negative")),
        *((bad, BadTotal("total (n) is no whole number")) for bad in NO_TOTALS),
    ],
)
def test_a_total_in_the_body(value: object, total: int | BadTotal | None) -> None:
    assert read_total(reply_of({"n": value}), TotalSpec.model_validate({"path": "n"})) == total


@pytest.mark.parametrize(
    ("headers", "total"),
    [
        ({"x-total-count": "5000"}, 5000),
        ({"X-Total-Count": "users 0-9/200"}, 200),
        ({"X-Total-Count": "0-9/*"}, None),
        ({"X-Total-Count": ""}, None),
        ({}, None),
        ({"X-Total-Count": "many"}, BadTotal("total (X-Total-Count) is no whole number")),
    ],
)
def test_a_total_in_a_header_of_any_case(headers: dict[str, str], total: int | BadTotal | None) -> None:
    assert read_total(reply_of({}, headers), TotalSpec(header="X-Total-Count")) == total


def test_an_absent_total_is_none() -> None:
    assert read_total(reply_of({}), TotalSpec.model_validate({"path": "meta.total"})) is None
