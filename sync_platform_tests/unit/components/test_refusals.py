"""What the grammar refuses, as a reader of the file sees it: file, line, field, and what is allowed.

The file is loaded as `dg check defs` loads it; that the command itself says the same is proven once, in the
acceptance tests.
"""

import re

import pytest

from sync_platform.components import ApiSync
from sync_platform_tests.refusals import refusal_of

THINGS = """\
type: sync_platform.components.ApiSync
attributes:
  source: things
  base_url: "${API_URL}"
  request: {path: /things, params: {after: "{cursor}"}}
  pagination: {type: cursor, next: next}
  columns:
    id: id
    name: {sql: lower(name), type: text}
  target: {table: things, key: id}
"""
REQUEST, PAGINATION, ID, NAME, TARGET = 5, 6, 8, 9, 10


def refusal(text: str) -> str:
    return refusal_of(ApiSync, text)


def test_the_file_that_the_refusals_start_from_is_accepted() -> None:
    assert refusal(THINGS) == ""


@pytest.mark.parametrize(
    ("old", "new", "field", "line", "allowed"),
    [
        ("target:", "traget:", "traget", TARGET, "did you mean `target`? Allowed: "),
        ("next: next", "next: next, sort: id", "pagination.sort", PAGINATION, "Allowed: done, field, first"),
        ("next: next", "next: 5", "pagination.next", PAGINATION, "a path is dotted"),
        ("source: things", "source: My Things", "source", 3, "lower-case noun"),
        (
            "{cursor}",
            "{cursr}",
            "request.params",
            REQUEST,
            "did you mean {cursor}? Allowed: {since}, {until}",
        ),
        ('after: "{cursor}"', "limit: 5", "request", REQUEST, "pagination type cursor needs {cursor}"),
        (
            'after: "{cursor}"',
            'after: "{cursor}", since: "{since}"',
            "request",
            REQUEST,
            "`incremental` must say",
        ),
        (", next: next", "", "pagination", PAGINATION, "type cursor needs `next`, a PATH"),
        ("{table", "{table: x, max_open_conns: 1, tabel", "target.tabel", TARGET, "did you mean `table`?"),
        ("key: id}", "key: ident}", "target.key", TARGET, "none of the columns: id, name"),
        ("id: id", "id: CAST(id AS", "columns.id", ID, "no SQL expression"),
        ("sql: lower(name)", "sql: lower(name", "columns.name", NAME, "no SQL expression"),
        ("type: text", "type: string", "columns.name", NAME, "'text', 'bigint', 'double precision'"),
        ("name: {sql", "sync_id: {sql", "columns.sync_id", NAME, "the platform's own: metadata, sync_id"),
        (
            "name: {sql",
            "_place: {sql",
            "columns._place",
            NAME,
            "choose another than _is_deleted, _original_id",
        ),
        ("name: {sql", f"{'n' * 64}: {{sql", f"columns.{'n' * 64}", NAME, "1 to 63 bytes"),
        ("table: things", f"table: {'t' * 64}", "target.table", TARGET, "1 to 63 bytes"),
    ],
)
def test_a_wrong_word_or_value_is_refused_where_it_stands(
    old: str, new: str, field: str, line: int, allowed: str
) -> None:
    assert old in THINGS
    said = refusal(THINGS.replace(old, new, 1))
    assert allowed in said
    assert re.search(rf"attributes\.{re.escape(field)}\S* at defs\.yaml:{line}`", said), said


@pytest.mark.parametrize(
    ("added", "field", "allowed"),
    [
        ("max_concurrent_pages: 4", "max_concurrent_pages", "with an exact total"),
        ("incremental: {field: at, token: delta}", "incremental", "either `field`"),
        ("incremental: {format: iso8601}", "incremental", "either `field`"),
        ("incremental: {token: delta, lag_s: 5}", "incremental", "with `token` leave it out"),
        ("incremental: {field: at, format: iso}", "incremental.format", "iso8601, epoch_s, epoch_ms"),
        ("incremental: {field: at, format: integer, start: 2024-01-01}", "incremental", "an integer with"),
        ("incremental: {field: at, format: integer, lag_s: 5}", "incremental", "only a time"),
        ("incremental: {field: at, start: soon}", "incremental.start", "RFC 3339"),
        ("incremental: {field: at, tracks: all}", "incremental.tracks", "'changes' or 'new'"),
        ("deleted: {when: gone =, set: {name: x}}", "deleted.when", "no SQL expression"),
        ("deleted: {when: gone, set: {}}", "deleted.set", "at least one column"),
        ("deleted: {when: gone, set: {colour: x}}", "deleted.set.colour", "none of the columns: name"),
        ("on_missing: deactivate", "on_missing", "a column called `status`"),
        ("on_missing: delete", "on_missing", "'keep' or 'deactivate'"),
        ("max_missing_share: 20", "max_missing_share", "between 0 and 1"),
        ("rate_limit: {max_requests: 5}", "rate_limit", "max_requests and per_s go together"),
        ("response_actions: [{status: 404, action: stop}]", "response_actions.0.action", "'end_of_pages'"),
        ("auth: {type: bearer}", "auth", "required"),
        ("schedule: hourly", "schedule", "five fields"),
        ("page_size: many", "page_size", "integer"),
    ],
)
def test_a_word_that_does_not_fit_is_refused_where_it_stands(added: str, field: str, allowed: str) -> None:
    said = refusal(f"{THINGS}  {added}\n")
    assert allowed in said
    assert re.search(rf"attributes\.{re.escape(field)}\S* at defs\.yaml:11`", said), said


def test_max_records_needs_something_to_cut_by() -> None:
    said = refusal(THINGS.replace("next: next", "next: next, total: total, max_records: 100"))
    assert "needs incremental.field, and {since} and {until} in the request" in said
    assert f"attributes.pagination.max_records at defs.yaml:{PAGINATION}" in said
