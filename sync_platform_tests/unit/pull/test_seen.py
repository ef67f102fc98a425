"""Which records a read has seen: distinct keys a pass, and what a further pass brings new."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sync_platform.pull.identity import Identities
from sync_platform.pull.seen import SeenRecords
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform_tests.fake_users_api import users_spec

NO_CURSOR = {"incremental": None, "request": {"path": "/users", "params": {"page": "{page}"}}}


def seen_records(spec: ApiSyncSpec) -> SeenRecords:
    return SeenRecords(spec, Identities(spec))


def raws(*records: object) -> list[msgspec.Raw]:
    texts = [record if isinstance(record, str) else json.dumps(record) for record in records]
    return [msgspec.Raw(text.encode()) for text in texts]


def user(user_id: object, changed: str = "2024-05-01", **fields: Any) -> dict[str, Any]:
    return {"id": user_id, "updated_at": changed, **fields}


@pytest.mark.parametrize(
    ("records", "distinct"),
    [
        ([], 0),
        ([user(1), user(2), user(3)], 3),
        ([user(1), user(1), user(2)], 2),
        ([user(1, "2024-05-01"), user(1, "2024-05-02")], 1),
        ([user("a"), user("b"), user("a")], 2),
        ([{"no": 1}, {"no": 2}, {"no": 1}], 2),
        ([user(None, first_name="A"), user(None, first_name="B")], 2),
        (["5", "6", "5", '"a"', "null"], 4),
    ],
)
def test_distinct_keys_are_counted_and_a_record_without_one_counts_by_its_bytes(
    records: list[object], distinct: int
) -> None:
    seen = seen_records(users_spec())
    seen.add(raws(*records))
    assert (seen.distinct_in_pass(), seen.records_in_pass) == (distinct, len(records))


def test_passes_are_joined() -> None:
    seen = seen_records(users_spec())
    seen.add(raws(user(1), user(2)))
    seen.finish_pass()
    seen.add(raws(user(2), user(3)))
    assert (seen.distinct_in_pass(), seen.records_in_pass) == (2, 2)
    seen.finish_pass()
    assert seen.distinct == 3


def test_what_changed_lately_and_is_gone_again_is_counted_once_in_the_pass_that_brought_it() -> None:
    seen = seen_records(users_spec())
    lately, before = "2024-05-01T12:00:00Z", "2024-05-01T11:59:00Z"
    came = raws(user(1, before), user(2, lately), user(3, lately), user(4, "no time"), '{"id": 5}', "6")
    seen.watch(datetime(2024, 5, 1, 11, 59, 30, tzinfo=UTC))
    seen.add(came)
    assert seen.vanished(raws(user(2, lately))) == 1
    assert seen.vanished(raws(user(2, lately), user(3, "2024-05-01T12:01:00Z"))) == 0
    seen.finish_pass()
    seen.watch(datetime(2024, 5, 1, 11, 59, 30, tzinfo=UTC))
    seen.add([*came, *raws(user(7, lately))])
    assert seen.vanished(raws(user(2, lately))) == 1, "only 7 is new in this pass"


def test_a_change_time_inside_an_object_is_found() -> None:
    seen = seen_records(users_spec(incremental={"field": "meta.at", "start": "2024-01-01T00:00:00Z"}))
    seen.watch(datetime(2024, 5, 1, tzinfo=UTC))
    seen.add(
        raws({"id": 1, "meta": {"at": "2024-05-02"}}, {"id": 2, "meta": {"at": "2024-04-30"}}, {"id": 3})
    )
    assert seen.vanished([]) == 1


def test_a_further_pass_brings_new_records_and_new_versions_only() -> None:
    seen = seen_records(users_spec())
    seen.add(raws(user(1), user(2), "5"))
    seen.finish_pass()
    again = raws(user(1), user(2, "2024-05-02"), user(3), "5", "6")
    assert [bytes(record) for record in seen.unseen(again)] == [bytes(again[place]) for place in (1, 2, 4)]


def test_without_a_change_time_any_difference_is_a_new_version() -> None:
    seen = seen_records(users_spec(**NO_CURSOR))
    seen.add(raws(user(1, first_name="A"), user(2, first_name="B")))
    seen.finish_pass()
    again = raws(user(1, first_name="A"), user(2, first_name="C"))
    assert seen.unseen(again) == again[1:]
