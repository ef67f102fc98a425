"""What is larger than anybody expects: a text of ten megabytes, a page of a million records."""

import pytest

from sync_platform_tests.fake_users_api import users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import body_reply

TEN_MB = 10_000_000
MILLION = 1_000_000


def test_a_text_of_ten_megabytes_is_loaded_as_it_is(rig: Rig) -> None:
    rig.api.fill(3)
    rig.api.put(2, email="x" * TEN_MB)
    report = rig.sync()
    assert (report.status, report.account.inserted) == ("completed", 3)
    assert rig.rows("select length(email) as n from users where external_id = '2'") == [{"n": TEN_MB}]


@pytest.mark.parametrize("member", ["active", "updated_at", "id"])
def test_a_text_of_ten_megabytes_in_the_wrong_place_is_quarantined_alone(rig: Rig, member: str) -> None:
    rig.api.fill(3)
    rig.api.put_text(2.5, rig.api.texts()[1].replace(f'"{member}": ', f'"{member}": "{"7" * TEN_MB}", "_": '))
    report = rig.sync()
    assert (report.account.inserted, report.account.quarantined) == (3, 1)
    [entry] = rig.rows("select reason, length(record) as n from sync_quarantine")
    assert len(entry["reason"]) < 200
    assert entry["n"] > TEN_MB


def test_a_page_of_a_million_records_is_over_the_cap_and_queued(rig: Rig) -> None:
    rig.api.fill(25)
    record = b'{"id": 1, "email": "e@x", "active": true, "updated_at": "2024-05-01T11:00:00Z"}'
    rig.api.faults[2] = body_reply(b'{"total": 25, "data": [' + b",".join([record] * MILLION) + b"]}")
    report = rig.sync()
    assert (report.status, report.account.pages_queued) == ("completed_with_errors", 1)
    [entry] = rig.queue()
    assert "max_body_mb" in entry["error"]
    assert len(rig.table()) == 15


def test_a_page_of_many_more_records_than_were_asked_for_is_loaded_whole(rig: Rig) -> None:
    rig.spec = users_spec(batch_size=1_000)
    rig.api.fill(20_000)
    rig.api.page_cap = 100_000
    rig.spec = users_spec(page_size=20_000)
    report = rig.sync()
    assert (report.status, report.account.inserted) == ("completed", 20_000)
