"""PATH: every form that the grammar names, over decoded values and over bytes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from sync_platform.api.json_path import MISSING, JsonPath

ANSWER: JsonValue = {
    "paging": {"next": {"after": "abc"}, "total": "7", "null": None},
    "@odata.nextLink": "https://example.com/2",
    "data": [{"id": 1}, {"id": 2}],
    "email": [{"value": "a", "primary": False}, {"value": "b", "primary": True}],
    "empty": [],
    "matrix": [[1, 2], [3, 4]],
}

FOUND: list[tuple[str | list[str], JsonValue]] = [
    ("paging.next.after", "abc"),
    ("paging.total", "7"),
    ("paging.null", None),
    (["@odata.nextLink"], "https://example.com/2"),
    (["paging", "total"], "7"),
    ("data[1].id", 2),
    ("email[0].value", "a"),
    ("email[?primary].value", "b"),
    ("matrix[1][0]", 3),
]
NOWHERE: list[str | list[str]] = [
    "absent",
    "paging.absent.deeper",
    "paging.null.deeper",
    "paging.total.deeper",
    "data.id",
    "data[2].id",
    "paging[0]",
    "email[?absent].value",
    "empty[0]",
    "@odata.nextLink",
]


@pytest.mark.parametrize(("path", "value"), FOUND)
def test_a_path_finds_its_value_decoded_or_not(path: str | list[str], value: JsonValue) -> None:
    parsed = JsonPath.parse(path)
    body = msgspec.json.format(msgspec.json.encode(ANSWER), indent=2)
    raw = parsed.find_raw(body)
    assert parsed.find(ANSWER) == value
    assert parsed.find_in(b"\xef\xbb\xbf \n" + body) == value
    assert raw is not None
    assert msgspec.json.decode(raw) == value


@pytest.mark.parametrize("path", NOWHERE)
def test_a_path_that_leads_nowhere_is_missing_and_not_null(path: str | list[str]) -> None:
    parsed = JsonPath.parse(path)
    body = msgspec.json.encode(ANSWER)
    assert parsed.find(ANSWER) is MISSING
    assert parsed.find_in(body) is MISSING
    assert parsed.find_raw(body) is None


def test_a_path_may_start_in_an_array() -> None:
    assert JsonPath.parse("[0].errorCode").find_in(b'[{"errorCode": "X"}]') == "X"


@pytest.mark.parametrize(
    "source", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a]b", [], [""], [1], 5]
)
def test_what_is_no_path_is_refused_with_what_is_allowed(source: object) -> None:
    with pytest.raises(ValueError, match=r"paging\.next\.after"):
        JsonPath.parse(source)  # type: ignore[arg-type] # what YAML may hold


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_has_no_value(body: bytes) -> None:
    assert JsonPath.parse("a").find_in(body) is MISSING


def test_a_value_beside_a_broken_record_is_still_found() -> None:
    assert JsonPath.parse("total").find_in(rb'{"data": [{"n": NaN, "s": "\ud800"}], "total": 3}') == 3


def test_records_beside_the_path_are_not_decoded() -> None:
    raw = JsonPath.parse("data").find_raw(b'{"data": [1, {"a":   2}], "x": 1}')
    assert raw is not None
    assert bytes(raw) == b'[1, {"a":   2}]'


@pytest.mark.parametrize("path", ["a.b", "[0].a", "a[1][?b].c", ["a.b", "c"], ["@odata.nextLink"]])
def test_a_path_is_shown_as_yaml_writes_it(path: str | list[str]) -> None:
    shown = str(JsonPath.parse(path))
    again = msgspec.json.decode(shown) if shown.startswith('["') else shown
    assert JsonPath.parse(again) == JsonPath.parse(path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    st.sampled_from(["a", "a.b", "a[0]", "[0].a", "a[?b].c", "b.a[1]"]),
)
def test_bytes_and_decoded_values_agree(value: JsonValue, path: str) -> None:
    parsed = JsonPath.parse(path)
    assert parsed.find_in(msgspec.json.encode(value)) == parsed.find(value)
