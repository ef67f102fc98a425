"""`doctor NAME`: one page of the real API on one screen, values masked, and what is wrong said plainly."""

from typing import Any

import pytest

from sync_platform.cli.source_doctor import summary
from sync_platform.pull.doctor import Examination, examine, mask
from sync_platform.vocabulary import SettingsError
from sync_platform_tests.fake_list_api import Record, page_of
from sync_platform_tests.pulling import spec_of
from sync_platform_tests.scripted_server import ScriptedReply, ScriptedServer, html_reply, json_reply, status

ANN: Record = {
    "id": 17,
    "name": "Ann Berg",
    "at": "2024-05-01T10:00:00Z",
    "tags": ["a", "b"],
    "home": {"city": "Ulm"},
}
PAGED = {"request": {"path": "/things", "params": {"page": "{page}"}}}


def _examined(reply: ScriptedReply, **words: Any) -> Examination:
    with ScriptedServer() as server:
        server.script("/things", reply)
        found = examine(spec_of(**words), {"API_URL": server.url})
        assert len(server.requests) == 1
        return found


def test_a_page_is_shown_with_its_fields_types_columns_total_and_next() -> None:
    columns = {"id": "id", "name": "lower(name)", "at": {"sql": "at", "type": "timestamptz"}}
    words = {**PAGED, "pagination": {"type": "page", "total": "total"}, "columns": columns}
    found = _examined(page_of(ANN, {**ANN, "id": 18, "name": None}, total=300), **words)
    assert (found.status, found.records, found.total, found.following) == (200, 2, "300", "page 2")
    assert [(one.name, one.type, one.value) for one in found.fields] == [
        ("id", "integer", "99"),
        ("name", "text", "xxx xxxx"),
        ("at", "text", "9999-99-99x99:99:99x"),
        ("tags", "list", "a list of 2"),
        ("home", "object", "{city}"),
    ]
    shown = {one.name: (one.type, one.value, one.filled) for one in found.columns}
    assert shown["name"] == ("text", "xxx xxxx", 1)
    assert shown["at"][0] == "timestamptz"
    assert found.problems == ()
    assert list(summary(found))[1:] == [
        "status    200",
        "records   2",
        "total     300",
        "next      page 2",
    ]


def test_a_first_page_that_is_the_last_is_shown_like_any_and_an_empty_one_is_told() -> None:
    words = {**PAGED, "response_actions": [{"body": {"last": True}, "action": "end_of_pages"}]}
    found = _examined(page_of(ANN, last=True), **words)
    assert (found.records, found.problems, found.columns[0].value) == (1, (), "99")
    found = _examined(page_of(last=True), **words)
    assert (found.records, found.columns) == (0, ())
    assert any("already says that there are no more pages" in problem for problem in found.problems)


def test_no_value_of_a_customer_is_shown() -> None:
    found = _examined(page_of(ANN))
    assert "Ann" not in repr(found)
    assert "Ulm" not in repr(found)


@pytest.mark.parametrize(
    ("reply", "words", "problem"),
    [
        (status(401), {}, "401"),
        (status(404), {}, "check base_url and request.path"),
        (html_reply(), {}, "a web page"),
        (
            json_reply({"items": [ANN]}),
            {},
            "records: data leads nowhere in the answer (top-level keys: items)",
        ),
        (
            page_of(ANN),
            {"columns": {"id": "id", "name": "fullname"}},
            "`fullname` is in none of the 1 records",
        ),
        (page_of(ANN, {"name": "x"}), {}, "1 of 2 records would be quarantined"),
        (page_of(), {}, "the page holds no record"),
        (
            page_of(ANN, total=0),
            {**PAGED, "pagination": {"type": "page", "total": "total"}},
            "total is 0 beside",
        ),
        (
            page_of(ANN, total="many"),
            {**PAGED, "pagination": {"type": "page", "total": "total"}},
            "no whole number",
        ),
        (
            page_of(ANN, total=9, more=False),
            {**PAGED, "pagination": {"type": "page", "total": "total", "has_more": "more"}},
            "the pages end after 1 records though the total is 9",
        ),
        (
            page_of(ANN, more=True),
            {
                "request": {"path": "/things", "params": {"after": "{cursor}"}},
                "pagination": {"type": "cursor", "next": "next", "has_more": "more"},
            },
            "says that there is more, but not where",
        ),
    ],
)
def test_what_is_wrong_is_said(reply: ScriptedReply, words: dict[str, Any], problem: str) -> None:
    found = _examined(reply, **words)
    assert any(problem in said for said in found.problems), found.problems


def test_an_unset_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="API_URL"):
        examine(spec_of(), {})


def test_long_texts_are_cut_and_other_alphabets_masked() -> None:
    assert mask("Größe Ωmega 5") == "xxxxx xxxxx 9"
    assert mask("a" * 60) == f"{'x' * 40}... (60 characters)"
