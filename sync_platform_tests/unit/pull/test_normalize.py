"""From pages to rows: the seed's columns, and what becomes of records that break the contract."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sync_platform.pull.land import LandedPage
from sync_platform.pull.normalize import (
    NormalizedBlock,
    Normalizer,
    column_of,
    column_types,
    page_and_ordinal,
)
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import Window
from sync_platform.vocabulary import PermanentError
from sync_platform_tests.fake_users_api import users_spec

EVERYTHING = Window("full", None, None, None, None)
CHANGED = "2024-05-01T12:00:00Z"
USER: dict[str, Any] = {
    "id": 1,
    "email": "Ada@Example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "active": True,
    "updated_at": CHANGED,
}


def user(**fields: Any) -> dict[str, Any]:
    return {**USER, **fields}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in USER.items() if name not in names}


def page(*records: object, number: int = 1) -> LandedPage:
    """A page of records; a text is a record as it stands."""
    texts = [record if isinstance(record, str) else json.dumps(record) for record in records]
    return LandedPage(number, b"{}", f'{{"data": [{", ".join(texts)}]}}'.encode())


def normalize(
    *pages: LandedPage, spec: ApiSyncSpec | None = None, window: Window = EVERYTHING
) -> NormalizedBlock:
    block = Normalizer(spec or users_spec(), window).block(list(pages))
    assert block.records == len(block.rows) + len(block.rejected) + block.outside_window
    return block


def things(columns: dict[str, Any], **words: Any) -> ApiSyncSpec:
    """A source whose key is `id`, with these further columns."""
    return users_spec(
        **{
            "fields": {},
            "incremental": None,
            "request": {"path": "/users", "params": {"page": "{page}"}},
            "columns": {"external_id": "CAST(id AS VARCHAR)", **columns},
            **words,
        }
    )


def column(name: str, *records: object, spec: ApiSyncSpec) -> list[Any]:
    block = normalize(page(*records), spec=spec)
    assert block.rejected == []
    values: list[Any] = block.rows[name].to_list()
    return values


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        ({}, ("1", "ada@example.com", "Ada Lovelace", "active")),
        ({"email": "ÄÖÜ@EXAMPLE.COM"}, ("1", "äöü@example.com", "Ada Lovelace", "active")),
        ({"active": False}, ("1", "ada@example.com", "Ada Lovelace", "inactive")),
        ({"last_name": None}, ("1", "ada@example.com", "Ada", "active")),
        ({"first_name": None}, ("1", "ada@example.com", "Lovelace", "active")),
        ({"first_name": None, "last_name": None}, ("1", "ada@example.com", "", "active")),
        ({"first_name": "", "last_name": "L"}, ("1", "ada@example.com", " L", "active")),
        ({"id": "abc"}, ("abc", "ada@example.com", "Ada Lovelace", "active")),
        ({"id": 2**70}, (str(2**70), "ada@example.com", "Ada Lovelace", "active")),
        ({"id": -5}, ("-5", "ada@example.com", "Ada Lovelace", "active")),
        ({"unknown": {"deep": [1]}}, ("1", "ada@example.com", "Ada Lovelace", "active")),
    ],
)
def test_the_seeds_columns_are_computed(fields: dict[str, Any], row: tuple[str, ...]) -> None:
    rows = normalize(page(user(**fields))).rows
    assert rows.select("external_id", "email", "name", "status").row(0) == row


def test_a_row_tells_where_it_came_from() -> None:
    rows = normalize(page(user(id=1), number=3), page(user(id="b"), user(id=3), number=4)).rows
    assert [page_and_ordinal(place) for place in rows["_place"]] == [(3, 0), (4, 0), (4, 1)]
    assert rows["_original_id"].to_list() == ["1", '"b"', "3"]
    assert rows["source_updated_at"].to_list() == [datetime(2024, 5, 1, 12, tzinfo=UTC)] * 3


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (without("id"), "required field `id`"),
        (user(id=None), "got `null`"),
        (user(id=""), "no key"),
        (user(id=True), "got `bool`"),
        (user(id={"a": 1}), "got `object`"),
        (user(id=[1]), "got `array`"),
        (user(id=1.5), "got `float`"),
        (without("email"), "required field `email`"),
        (user(email=None), "got `null`"),
        (user(email=5), "got `int`"),
        (user(email=["a"]), "got `array`"),
        (user(active="yes"), "got `str`"),
        (user(active=1), "got `int`"),
        (without("active"), "required field `active`"),
        (user(first_name={"a": 1}), "got `object`"),
        (user(first_name="A\0B"), "NUL"),
        (user(id="a\0"), "NUL"),
        (user(first_name="\ud800"), "a lone surrogate"),
        (user(updated_at="yesterday"), "no date"),
        (user(updated_at="2024-02-30T00:00:00Z"), "no date"),
        (user(updated_at="+10000-01-01T00:00:00Z"), "no date"),
        (user(updated_at=1714564800), "no date"),
        (user(updated_at=True), "no date"),
        (user(updated_at=""), "no date"),
        (json.dumps(USER).replace('"Ada"', "NaN"), "NaN or Infinity"),
        (json.dumps(USER).replace('"Ada"', "-Infinity"), "NaN or Infinity"),
        (json.dumps(USER).replace('"Ada"', "1e400"), "out of range"),
        (json.dumps(USER).replace('"Ada"', '"\x01"'), "control character"),
        ("5", "Expected `object`"),
        ('"text"', "Expected `object`"),
        ("null", "Expected `object`"),
        ("[]", "Expected `object`"),
        ("{}", "required field"),
    ],
)
def test_a_record_that_breaks_the_contract_is_rejected_alone_and_as_received(
    record: object, reason: str
) -> None:
    block = normalize(page(user(id=7), record, user(id=8), number=2))
    assert block.rows["external_id"].to_list() == ["7", "8"]
    [rejected] = block.rejected
    assert reason in rejected.reason
    assert rejected.page == 2
    text = record if isinstance(record, str) else json.dumps(record)
    assert rejected.record.decode() == text


def test_a_reason_quotes_no_value() -> None:
    records = [user(email=["secret"]), user(id=1.25), user(updated_at="secret"), user(first_name="secret\0")]
    reasons = [rejected.reason for rejected in normalize(page(*records)).rejected]
    assert len(reasons) == 4
    assert not any("secret" in reason or "1.25" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("record", "external_id"),
    [
        (user(email=5), "1"),
        (user(id="abc", email=5), "abc"),
        (user(id=True), None),
        (user(id=None), None),
        (without("id"), None),
        ("5", None),
        (json.dumps(user(id=9)).replace('"Ada"', "NaN"), "9"),
    ],
)
def test_a_rejected_record_is_named_by_its_key_where_it_has_one(
    record: object, external_id: str | None
) -> None:
    [rejected] = normalize(page(record)).rejected
    assert rejected.external_id == external_id


@pytest.mark.parametrize(
    ("sql", "record", "external_id"),
    [
        ("lower(email)", {"email": "Ada@X", "updated": "no"}, "ada@x"),
        ("concat_ws('-', country, id)", {"country": "CH", "id": 5, "updated": "no"}, "CH-5"),
        ("concat_ws('-', country, id)", {"country": True, "id": 5, "updated": "no"}, None),
    ],
)
def test_a_rejected_record_is_named_by_the_key_that_the_table_would_hold(
    sql: str, record: dict[str, Any], external_id: str | None
) -> None:
    spec = things({"external_id": sql, "updated": {"sql": "updated", "type": "date"}})
    [rejected] = normalize(page(record), spec=spec).rejected
    assert rejected.external_id == external_id


def test_the_record_behind_a_bad_row_is_found_on_its_own_page() -> None:
    bad = user(id=5, updated_at="yesterday")
    excerpt = LandedPage(3, b"{}", json.dumps([user(id=6), bad]).encode(), is_excerpt=True)
    block = normalize(page(user(id=1), number=1), page(user(id=2), number=2), excerpt)
    [rejected] = block.rejected
    assert (rejected.page, json.loads(rejected.record)["id"]) == (3, 5)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("answer.users", '{"answer": {"total": 1, "users": [%s]}}'),
        ("answers[0].users", '{"answers": [{"users": [%s]}, {"users": []}]}'),
        (["the.users"], '{"the.users": [%s], "users": []}'),
        (['the "users"'], '{"the \\"users\\"": [%s]}'),
        ("users", '{"users": null, "users": [%s]}'),
        (None, "[%s]"),
    ],
)
@pytest.mark.parametrize("is_excerpt", [False, True])
def test_records_are_found_wherever_their_path_leads(path: object, body: str, *, is_excerpt: bool) -> None:
    records = json.dumps(USER) + ", 5"
    landed = LandedPage(1, b"{}", (f"[{records}]" if is_excerpt else body % records).encode(), is_excerpt)
    block = normalize(landed, spec=users_spec(records=path))
    assert (block.rows["external_id"].to_list(), len(block.rejected)) == (["1"], 1)


def test_a_nul_rejects_only_a_record_that_would_bring_it_into_the_table() -> None:
    unused = user(id=2, country="C\0H")
    written_out = user(id=3, first_name="\\u0000")
    block = normalize(page(user(id=1, first_name="A\0"), unused, written_out))
    assert block.rows.select("external_id", "name").rows() == [
        ("2", "Ada Lovelace"),
        ("3", "\\u0000 Lovelace"),
    ]
    assert [rejected.external_id for rejected in block.rejected] == ["1"]


@pytest.mark.parametrize("key", ["CAST(id AS VARCHAR)", "concat_ws('-', id, email)"])
def test_an_original_id_stays_one_text_whatever_breaks_a_line_in_it(key: str) -> None:
    ids = ["a\nb", "a\r\nb", "a\u2028b", "a\x85b", "a\x1cb", 'a"b', "a\\b", "null"]
    rows = normalize(page(*(user(id=one, email="e") for one in ids)), spec=things({"external_id": key})).rows
    originals = [json.loads(text).removesuffix("-e") for text in rows["_original_id"]]
    assert originals == ids


@pytest.mark.parametrize("records", [[], [user(email=5)]])
def test_a_block_without_rows_has_all_its_columns(records: list[object]) -> None:
    rows = normalize(page(*records)).rows
    assert len(rows) == 0
    assert rows.schema == normalize(page(USER)).rows.schema


def test_a_byte_order_mark_is_skipped() -> None:
    plain = page(USER)
    assert len(normalize(LandedPage(1, b"{}", b"\xef\xbb\xbf" + plain.body)).rows) == 1


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (["a", "b"], ["a", "b"]),
        ([1, 2], ["1", "2"]),
        ([True, False], ["true", "false"]),
        ([1.5, 2.0], ["1.5", "2.0"]),
        (["a", 1, None], ["a", "1", None]),
        ([1, True, "x"], ["1", "true", "x"]),
        ([1, 2**70], ["1", str(2**70)]),
        ([None, None], [None, None]),
    ],
)
def test_an_untyped_field_becomes_text_whatever_its_records_hold(
    values: list[object], texts: list[str | None]
) -> None:
    records = [{"id": number, "code": value} for number, value in enumerate(values)]
    assert column("code", *records, spec=things({"code": "code"})) == texts


@pytest.mark.parametrize(
    "values", [["Ab", "cD"], [1, 2], [True], [1.5], ["x", 1, None], [None], [None, None], [2**70]]
)
def test_text_sql_over_an_untyped_field_does_not_depend_on_what_its_block_holds(values: list[object]) -> None:
    records = [{"id": number, "code": value} for number, value in enumerate(values)]
    texts = column("code", *records, spec=things({"code": "lower(code)"}))
    assert [text is None for text in texts] == [value is None for value in values]


@pytest.mark.parametrize(
    "sql", ["CASE WHEN flag THEN 'yes' ELSE 'no' END", "count + 1", "lower(word)", "word"]
)
def test_a_field_that_no_record_of_a_block_carries_is_null_and_no_error(sql: str) -> None:
    [value] = column("made", {"id": 1}, spec=things({"made": sql}))
    assert value in (None, "no")


@pytest.mark.parametrize(
    ("kind", "present", "sql"),
    [
        ("boolean", True, "CASE WHEN it THEN 'yes' ELSE 'no' END"),
        ("integer", 5, "it + 1"),
        ("number", 1.5, "it * 2"),
        ("text", "A", "lower(it)"),
    ],
)
def test_a_typed_field_keeps_its_type_where_all_are_absent(kind: str, present: object, sql: str) -> None:
    spec = things({"made": sql}, fields={"it": {"path": "it", "type": kind}})
    assert len(column("made", {"id": 1}, spec=spec)) == 1
    assert len(column("made", {"id": 1, "it": present}, {"id": 2}, spec=spec)) == 2


def test_a_typed_number_beyond_its_range_is_rejected_alone() -> None:
    spec = things({"made": "it + 1"}, fields={"it": {"path": "it", "type": "integer"}})
    block = normalize(page({"id": 1, "it": 5}, {"id": 2, "it": 2**63}), spec=spec)
    assert block.rows["made"].to_list() == [6]
    assert [rejected.external_id for rejected in block.rejected] == ["2"]


def test_integers_and_fractions_mix_in_a_number_field() -> None:
    spec = things({"price": "price"}, fields={"price": {"path": "price", "type": "number"}})
    records = [{"id": 1, "price": 1}, {"id": 2, "price": 2.5}, {"id": 3, "price": None}, {"id": 4}]
    assert column("price", *records, spec=spec) == [1.0, 2.5, None, None]


NESTED = {
    "city": {"path": "address.city", "type": "text"},
    "street": "address.street",
    "mail": "emails[0].value",
    "primary": "emails[?primary].value",
}


def test_nested_and_picked_fields_are_taken_out() -> None:
    spec = things({name: name for name in NESTED}, fields=NESTED)
    records: list[object] = [
        {
            "id": 1,
            "address": {"city": "Bern", "street": "Kramgasse"},
            "emails": [{"value": "a@x"}, {"value": "b@x", "primary": True}],
        },
        {"id": 2, "address": {"city": None}, "emails": []},
        {"id": 3, "address": None},
        {"id": 4, "address": "no object", "emails": {"value": "no array"}},
        {"id": 5},
    ]
    rows = normalize(page(*records), spec=spec).rows
    assert rows.select("city", "street", "mail", "primary").rows() == [
        ("Bern", "Kramgasse", "a@x", "b@x"),
        *[(None, None, None, None)] * 4,
    ]


@pytest.mark.parametrize(
    ("field", "record"),
    [
        ({"path": "address.city", "type": "text"}, {"id": 2, "address": {"city": 5}}),
        ({"path": "address.city", "type": "text", "required": True}, {"id": 2, "address": {}}),
        ({"path": "address.city", "type": "text", "required": True}, {"id": 2}),
        ({"path": "address.city"}, {"id": 2, "address": {"city": {"deeper": 1}}}),
        ({"path": "address.city", "type": "text"}, {"id": 2, "address": {"city": "A\0"}}),
        ({"path": "address.city", "type": "text"}, '{"id": 2, "address": {"city": "\\ud800"}}'),
    ],
)
def test_a_nested_value_that_does_not_fit_rejects_its_record_alone(
    field: dict[str, Any], record: object
) -> None:
    spec = things({"city": "city"}, fields={"city": field})
    block = normalize(page({"id": 1, "address": {"city": "Bern"}}, record), spec=spec)
    assert block.rows["city"].to_list() == ["Bern"]
    assert [rejected.external_id for rejected in block.rejected] == ["2"]


def test_a_key_may_be_nested() -> None:
    spec = things({"external_id": "CAST(uid AS VARCHAR)"}, fields={"uid": "meta.id"})
    block = normalize(page({"meta": {"id": 5}}, {"meta": {}}, {"meta": {"id": False}}), spec=spec)
    assert block.rows.select("external_id", "_original_id").rows() == [("5", "5")]
    assert [rejected.external_id for rejected in block.rejected] == [None, None]


def test_one_member_may_be_used_twice() -> None:
    spec = things(
        {"city": "city", "address": "whole"},
        fields={"city": "address.city", "whole": {"path": "address", "type": "json"}},
    )
    block = normalize(page({"id": 1, "address": {"city": "Bern"}}), spec=spec)
    assert block.rows.select("city", "address").rows() == [("Bern", '{"city": "Bern"}')]


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ('{"id": 1, "tags": ["a", {"b": 1.10}]}', '["a", {"b": 1.10}]'),
        ('{"id": 1, "tags": {}}', "{}"),
        ('{"id": 1, "tags": null}', None),
        ('{"id": 1}', None),
    ],
)
def test_a_json_field_keeps_its_bytes_and_null_is_null(record: str, value: str | None) -> None:
    spec = things(
        {"tags": {"sql": "tags", "type": "jsonb"}}, fields={"tags": {"path": "tags", "type": "json"}}
    )
    assert column("tags", record, spec=spec) == [value]


def test_a_required_json_field_may_not_be_absent_or_null() -> None:
    field = {"path": "tags", "type": "json", "required": True}
    spec = things({"tags": {"sql": "tags", "type": "jsonb"}}, fields={"tags": field})
    block = normalize(page({"id": 1, "tags": []}, {"id": 2, "tags": None}, {"id": 3}), spec=spec)
    assert [rejected.external_id for rejected in block.rejected] == ["2", "3"]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("bigint", [5, 5], ["five", 1.5]),
        ("double precision", [1.5, 1.5], ["x", "NaN"]),
        ("numeric", ["9.99", Decimal("9.99")], ["x", "0.30000000000000004"]),
        ("boolean", [True, True], ["yes", 2]),
        ("timestamptz", [CHANGED, datetime(2024, 5, 1, 12, tzinfo=UTC)], ["soon", 5]),
        ("date", ["2024-05-01", date(2024, 5, 1)], ["2024-02-30", True]),
    ],
)
def test_a_value_that_does_not_fit_a_typed_column_is_rejected_alone(
    kind: str, good: list[Any], bad: list[Any]
) -> None:
    spec = things({"made": {"sql": "it", "type": kind}})
    records = [{"id": 1, "it": good[0]}, *({"id": 2, "it": value} for value in bad), {"id": 3, "it": None}]
    block = normalize(page(*records), spec=spec)
    assert block.rows["made"].to_list() == [good[1], None]
    assert [rejected.reason for rejected in block.rejected] == [f"column `made`: the value is no {kind}"] * 2


def test_a_block_of_one_fitting_type_gives_the_same_as_a_mixed_one() -> None:
    spec = things({"made": {"sql": "it", "type": "bigint"}})
    assert column("made", {"id": 1, "it": 5}, spec=spec) == [5]
    assert column("made", {"id": 1, "it": 5}, {"id": 2, "it": "6"}, spec=spec) == [5, 6]


@pytest.mark.parametrize(
    ("changed", "is_inside"),
    [
        ("2024-04-30T23:59:59.999999Z", False),
        ("2024-05-01T00:00:00Z", True),
        ("2024-05-01T23:59:59Z", True),
        ("2024-05-02T00:00:00Z", False),
        (None, True),
    ],
)
def test_a_window_is_inclusive_at_its_start_and_exclusive_at_its_end(
    changed: str | None,
    is_inside: bool,
) -> None:
    day = date(2024, 5, 1)
    window = Window("window", datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC), day, day)
    block = normalize(page(user(updated_at=changed)), window=window)
    assert (len(block.rows), block.outside_window) == ((1, 0) if is_inside else (0, 1))


def test_an_incremental_sync_keeps_what_is_older_than_it_asked_for() -> None:
    since = datetime(2024, 5, 2, tzinfo=UTC)
    day = since.date()
    block = normalize(page(USER), window=Window("incremental", since, None, day, day))
    assert (len(block.rows), block.outside_window) == (1, 0)


def test_sql_that_no_reading_of_the_values_fits_fails_with_the_next_step() -> None:
    spec = things({"made": "a - b"})
    with pytest.raises(PermanentError, match="declare the types") as failure:
        normalize(page({"id": 1, "a": "secret", "b": "hidden"}, {"id": 2, "a": 1, "b": True}), spec=spec)
    assert "secret" not in str(failure.value)


def test_a_column_may_be_a_constant() -> None:
    spec = things({"kind": "'person'"})
    assert column("kind", {"id": 1}, {"id": 2}, spec=spec) == ["person", "person"]
    assert len(normalize(page(), spec=spec).rows) == 0


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("count", "bigint"),
        ("count + 1", "bigint"),
        ("length(word)", "bigint"),
        ("share", "double precision"),
        ("flag", "boolean"),
        ("count > 5", "boolean"),
        ("word", "text"),
        ("unknown", "text"),
        ("CAST(unknown AS DATE)", "date"),
        ("CASE WHEN flag THEN 1 ELSE 0 END", "bigint"),
    ],
)
def test_a_columns_type_is_what_its_sql_gives_over_the_declared_fields(sql: str, kind: str) -> None:
    fields = {
        name: {"path": name, "type": kind_}
        for name, kind_ in (("count", "integer"), ("share", "number"), ("flag", "boolean"), ("word", "text"))
    }
    assert column_types(things({"made": sql}, fields=fields))["made"] == kind


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([], pl.String),
        ([None], pl.String),
        (["a", None], pl.String),
        ([1, None], pl.Int64),
        ([True, None], pl.Boolean),
        ([1, 1.5], pl.Float64),
        ([1, True], pl.String),
        ([2**63], pl.String),
    ],
)
def test_a_columns_values_keep_their_json_type_or_become_text(
    values: list[Any], dtype: type[pl.DataType]
) -> None:
    assert column_of("it", values).dtype == dtype
