"""What the grammar of pushes refuses, as a reader of the file sees it: file, line, field, what is allowed."""

import re

import pytest

from sync_platform.components import ApiPush
from sync_platform_tests.refusals import refusal_of

CONTACTS = """\
type: sync_platform.components.ApiPush
attributes:
  source: push/customers
  key: customer_id
  request: {url: "${CRM_URL}", json: {id: "{customer_id}"}}
  pace: {wait_s: 4}
"""
SOURCE, REQUEST, PACE, ADDED = 3, 5, 6, 7


def refusal(text: str) -> str:
    return refusal_of(ApiPush, text)


def test_the_file_that_the_refusals_start_from_is_accepted() -> None:
    assert refusal(CONTACTS) == ""


@pytest.mark.parametrize(
    ("old", "new", "field", "line", "allowed"),
    [
        ("pace:", "paec:", "paec", PACE, "did you mean `pace`? Allowed: "),
        ("wait_s: 4", "waits: 4", "pace.waits", PACE, "did you mean `wait_s`?"),
        ("wait_s: 4", "wait_s: -1", "pace.wait_s", PACE, "greater than or equal to 0"),
        ("wait_s: 4", "wait_s: 4, burst: 2", "pace", PACE, "burst belongs to max_requests_per_s"),
        ("wait_s: 4", "wait_s: 4, max_requests_per_s: 2", "pace", PACE, "give one of them"),
        ("json:", "jsn:", "request.jsn", REQUEST, "did you mean `json`?"),
        ("url:", "method: PSOT, url:", "request.method", REQUEST, "'PUT'"),
        ("push/customers", "customers", "source", SOURCE, "write it as `push/customers`"),
        ("push/customers", "push/nobody", "source", SOURCE, "there is no file sql/push/nobody.sql"),
        ("key: customer_id\n", "keys: customer_id\n", "keys", 4, "did you mean `key`?"),
    ],
)
def test_a_wrong_word_or_value_is_refused_where_it_stands(
    old: str, new: str, field: str, line: int, allowed: str
) -> None:
    assert old in CONTACTS
    said = refusal(CONTACTS.replace(old, new, 1))
    assert allowed in said
    assert re.search(rf"attributes\.{re.escape(field)}\S* at defs\.yaml:{line}`", said), said


@pytest.mark.parametrize(
    ("added", "field", "allowed"),
    [
        ("name: My Push", "name", "small letters, digits"),
        ("send: some", "send", "'changed' or 'all'"),
        ("in_doubt: forget", "in_doubt", "'resend' or 'park'"),
        ("max_in_flight: 0", "max_in_flight", "1"),
        ("auth: {type: bearer}", "auth", "required"),
        ("auth: {type: bearer, token: x, optinal: true}", "auth", "did you mean `optional`?"),
        ("success: {body: {'a..b': 1}}", "success.body", "path"),
        ("after_each: {}", "after_each", "`sql` or `http`, one of them"),
        ("after_each: {sql: push/nothing}", "after_each", "there is no file sql/push/nothing.sql"),
        ("breaker: {probe_s: 0}", "breaker.probe_s", "greater than 0"),
        ("schedule: daily", "schedule", "five fields"),
        ("sign: {secret: ''}", "sign.secret", "at least 1"),
    ],
)
def test_a_word_that_does_not_fit_is_refused_where_it_stands(added: str, field: str, allowed: str) -> None:
    said = refusal(f"{CONTACTS}  {added}\n")
    assert allowed in said
    assert re.search(rf"attributes\.{re.escape(field)}\S* at defs\.yaml:{ADDED}`", said), said
