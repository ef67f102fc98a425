"""Opening a page: strict about the whole, lenient about single records, and quick."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_platform.api.envelope import (
    MAX_DEPTH,
    BrokenPageError,
    BrokenRecord,
    MissingRecordsError,
    open_page,
)
from sync_platform.api.json_path import JsonPath

DATA = JsonPath.parse("data")


def records(body: bytes, path: JsonPath | None = DATA) -> list[bytes]:
    envelope = open_page(body, path)
    assert envelope.broken == ()
    return [bytes(record) for record in envelope.records]


def test_records_come_as_received_byte_for_byte() -> None:
    body = '{"total": 2, "data": [ {"a" :  1.50, "b":"J\\u00f6rg"} , {"a":1e999,"c":"ö"}]}'.encode()
    assert records(body) == [b'{"a" :  1.50, "b":"J\\u00f6rg"}', '{"a":1e999,"c":"ö"}'.encode()]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'\xef\xbb\xbf{"data": [1, 2]}', DATA),
        (b' \r\n{"data": [1, 2]}\n\t ', DATA),
        (b"[1, 2]", None),
        (b"\xef\xbb\xbf \n[1, 2] ", None),
        (b'{"a.b": {"c": [0, [1, 2]]}}', JsonPath((("a.b"), "c", 1))),
        (b'[{"d": [1, 2]}]', JsonPath.parse("[0].d")),
    ],
)
def test_records_are_found_wherever_the_path_says(body: bytes, path: JsonPath | None) -> None:
    assert records(body, path) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("body", "path"), [(b'{"data": null}', DATA), (b"null", None), (b'{"data": []}', DATA)]
)
def test_null_and_an_empty_array_are_empty_pages(body: bytes, path: JsonPath | None) -> None:
    assert open_page(body, path).record_count == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not whole JSON"),
        (b"   ", "not whole JSON"),
        (b"<html>", "not whole JSON"),
        (b'{"data": [1, 2', "not whole JSON"),
        (b'{"data": [{"id": "secret', "not whole JSON"),
        (b'{"data": [1]} trailing', "trailing characters"),
        (b'{"data": [1]}{"data": [2]}', "trailing characters"),
        (b'{"data": [1,]}', "trailing comma"),
        (b'{"data": [01]}', "invalid number"),
        (b"{'data': [1]}", "not whole JSON"),
        (b'{"data": ["\xff"]}', "not UTF-8"),
        (b'{"data": ["\xed\xa0\x80"]}', "not UTF-8"),
        (b'{"other": "\xff", "data": []}', "not UTF-8"),
        ('{"data": []}'.encode("utf-16"), "not UTF-8"),
        (b'{"data": [NaN, 1', "not whole JSON"),
        (b'{"data": [NaN]} x', "not whole JSON"),
        (b'{"data": ' + b"[" * 100_000, "not whole JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "levels deep"),
    ],
)
def test_a_body_that_is_not_one_whole_json_text_is_broken_and_not_quoted(body: bytes, reason: str) -> None:
    with pytest.raises(BrokenPageError, match=reason) as raised:
        open_page(body, DATA)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"items": [1], "total": 3}', r"records: data leads nowhere.*top-level keys: items, total"),
        (b'{"data": {"a": 1}}', "is an object, not an array"),
        (b'{"data": "secret"}', "is a text, not an array"),
        (b'{"data": 17}', "is a number, not an array"),
        (b"[1]", "top level is an array"),
        (b"{}", "top-level keys: none"),
        (b'"x"', "leads nowhere"),
        (json.dumps({f"key{n}": 1 for n in range(30)}).encode(), "key9 and 20 more"),
    ],
)
def test_a_body_without_the_records_path_names_what_it_has(body: bytes, words: str) -> None:
    with pytest.raises(MissingRecordsError, match=words) as raised:
        open_page(body, DATA)
    assert "secret" not in str(raised.value)


def test_a_body_that_should_be_the_array_and_is_not_says_so() -> None:
    with pytest.raises(MissingRecordsError, match=r"the body is an object, not an array.*error"):
        open_page(b'{"error": 1}', None)


def test_broken_records_are_set_apart_and_the_rest_goes_on() -> None:
    body = (
        rb'{"data": [{"a": 1}, {"a": NaN}, {"a": -Infinity}, {"a": "\ud800"}, {"a": "\udc00x"}, {"a": "x'
        b"\x01"
        rb'"}, {"a": "\ud83d\ude00"}], "total": 7}'
    )
    envelope = open_page(body, DATA)
    number, surrogate = "NaN or Infinity, which JSON has no number for", "a lone surrogate in a text"
    assert [bytes(record) for record in envelope.records] == [b'{"a": 1}', rb'{"a": "\ud83d\ude00"}']
    assert envelope.broken == (
        BrokenRecord(number, b'{"a": NaN}'),
        BrokenRecord(number, b'{"a": -Infinity}'),
        BrokenRecord(surrogate, rb'{"a": "\ud800"}'),
        BrokenRecord(surrogate, rb'{"a": "\udc00x"}'),
        BrokenRecord("a control character in a text", b'{"a": "x\x01"}'),
    )
    assert envelope.record_count == 7


@pytest.mark.parametrize("path", ["data", "a.data", "a[1]", "a[?ok].data"])
def test_broken_records_are_set_apart_at_the_end_of_any_path(path: str) -> None:
    bodies = {
        "data": b'{"data": [1, NaN]}',
        "a.data": b'{"x": [NaN], "a": {"y": {}, "data": [1, NaN]}}',
        "a[1]": b'{"a": [[], [1 , NaN ]]}',
        "a[?ok].data": b'{"a": [{"ok": false}, {"ok": true, "data": [1,NaN]}]}',
    }
    envelope = open_page(bodies[path], JsonPath.parse(path))
    assert [bytes(record) for record in envelope.records] == [b"1"]
    assert [broken.record for broken in envelope.broken] == [b"NaN"]


def test_what_is_broken_outside_the_records_does_no_harm() -> None:
    assert records(b'{"took": NaN, "data": [1]}') == [b"1"]
    assert records(b'{"took": NaN, "data": null}') == []


@pytest.mark.parametrize("opener", ["[", '{"a":'])
def test_depth_is_counted_to_the_level(opener: str) -> None:
    closer = "]" if opener == "[" else "}"
    inner = MAX_DEPTH - 2

    def page(depth: int) -> bytes:
        return f'{{"data": [{opener * depth}1{closer * depth}]}}'.encode()

    assert len(records(page(inner))) == 1
    with pytest.raises(BrokenPageError, match="more than 100 levels"):
        open_page(page(inner + 1), DATA)


def test_alternating_brackets_count_each() -> None:
    with pytest.raises(BrokenPageError, match="levels deep"):
        open_page(('{"data": ' + '[{"a":' * 60 + "1" + "}]" * 60 + "}").encode(), DATA)


def test_brackets_inside_texts_neither_hide_nor_make_depth() -> None:
    assert len(records(b'{"data": ["' + b"[" * 500 + rb'\"[\\", "{' + b'"]}')) == 2
    hidden = '["]",' * 150 + "1" + "]" * 150
    with pytest.raises(BrokenPageError, match="levels deep"):
        open_page(f'{{"data": {hidden}}}'.encode(), DATA)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(JSON, max_size=6), st.booleans())
def test_every_record_is_accounted_for_whatever_it_holds(values: list[object], is_ascii: bool) -> None:
    text = json.dumps({"x": [[]], "data": values}, ensure_ascii=True if _has_surrogate(values) else is_ascii)
    envelope = open_page(text.encode(), DATA)
    expected = [json.dumps(value, ensure_ascii=True) for value in values]
    received = [*map(bytes, envelope.records), *(broken.record for broken in envelope.broken)]
    assert sorted(json.dumps(json.loads(record)) for record in received) == sorted(expected)


def _has_surrogate(values: object) -> bool:
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def test_a_page_of_100_records_is_opened_in_well_under_a_millisecond() -> None:
    record = {"id": 1, "email": "ann@example.com", "first_name": "Jörg", "active": True, "text": "x" * 100}
    body = json.dumps({"data": [record] * 100, "total": 100}, ensure_ascii=False).encode()
    started_s = time.process_time()
    for _ in range(200):
        open_page(body, DATA)
    assert (time.process_time() - started_s) / 200 < 0.001
