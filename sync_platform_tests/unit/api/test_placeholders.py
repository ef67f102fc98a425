"""Placeholders: what keeps its type, what becomes text, and what is left out."""

import pytest
from pydantic import JsonValue

from sync_platform.api.json_path import MISSING, Missing
from sync_platform.api.placeholders import placeholders_in, render

VALUES: dict[str, JsonValue] = {"page": 2, "page_size": 100, "since": "2024", "cursor": None}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{page}", 2),
        ("p{page}", "p2"),
        ("{page}{page}", "22"),
        ("updated>{since} and n<{page_size}", "updated>2024 and n<100"),
        ("{cursor}", MISSING),
        ("after {cursor}", MISSING),
        ("{until}", MISSING),
        ("{other} {{page}} { page } ${NAME}", "{other} {2} { page } ${NAME}"),
        ("{ users(first: 10) { id } }", "{ users(first: 10) { id } }"),
        (["a", "{page}", "{cursor}"], ["a", 2]),
        (["{cursor}"], MISSING),
        ([], []),
        ({}, {}),
        ({"a": {"from": "{since}", "to": "{until}"}}, {"a": {"from": "2024"}}),
        ({"a": {"b": ["{cursor}"]}, "c": 1}, {"c": 1}),
        ({"a": "{cursor}"}, MISSING),
        (None, None),
        (True, True),
    ],
)
def test_render(template: JsonValue, rendered: JsonValue | Missing) -> None:
    result = render(template, VALUES)
    assert result == rendered
    assert type(result) is type(rendered)


def test_a_boolean_is_written_as_urls_write_it() -> None:
    assert render("x={cursor}", {"cursor": True}) == "x=true"


def test_a_json_cursor_keeps_its_shape() -> None:
    assert render({"search_after": "{cursor}"}, {"cursor": [1, "a"]}) == {"search_after": [1, "a"]}


def test_placeholders_are_found_anywhere() -> None:
    template = {"a": ["{page}", {"b": "x{since}y"}], "c": "{other}", "{until}": 1}
    assert placeholders_in(template) == {"page", "since"}
