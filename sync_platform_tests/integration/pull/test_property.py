"""Random sources against a model: whatever they hold and however they fail, the books balance.

The seed of a failing case is in its test id; run it alone with `-k seed<number>`.
"""

import json
import random
from collections import Counter

import pytest

from sync_platform.pull.window import SyncOrder
from sync_platform_tests.fake_users_api import iso, users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import json_reply, status

BAD_RECORDS = (
    '{{"id": {id}, "email": 5, "active": true}}',
    '{{"id": {id}, "email": "a@x", "active": "yes"}}',
    '{{"id": {id}, "email": "a@x", "active": true, "updated_at": "soon"}}',
    '{{"id": {id}, "email": "a\\u0000", "active": true}}',
    '{{"id": {id}, "email": "a@x", "active": NaN}}',
    '{{"id": {id}, "email": "\\ud800", "active": true}}',
    '{{"id": true, "email": "a@x", "active": true, "no": {id}}}',
    "{id}",
)


class RandomSource:
    """A source that changes between syncs, and the table that must come of it."""

    def __init__(self, rig: Rig, chance: random.Random) -> None:
        self.rig = rig
        self.chance = chance
        self.good: set[int] = set()
        self.bad: set[float] = set()
        self.twins: set[float] = set()

    def change(self) -> None:
        api, chance = self.rig.api, self.chance
        for _ in range(chance.randint(0, 40)):
            number = chance.randint(1, 60)
            api.put(number, first_name=f"Name{chance.randint(1, 5)}")
            self.good.add(number)
        for _ in range(chance.randint(0, 4)):
            place = chance.randint(1, 60) + 0.5
            api.put_text(place, chance.choice(BAD_RECORDS).format(id=1000 + int(place)))
            self.bad.add(place)
        for place in sorted(self.bad):
            if chance.random() < 0.3:
                api.delete(place)
                self.bad.discard(place)
        for number in sorted(self.good):
            if chance.random() < 0.05:
                old = json.dumps({**json.loads(api.text_of(number)), "updated_at": iso(api.now)})
                api.put_text(number + 0.25, old)
                self.twins.add(number + 0.25)

    def forget_twins(self) -> None:
        """A twin is older than what comes next; it would be stale for ever."""
        self.rig.api.delete(*self.twins)
        self.twins.clear()

    def break_some_pages(self) -> None:
        faults = (status(500), status(404), json_reply({"data": [], "total": 1}))
        for page in range(2, 8):
            if self.chance.random() < 0.2:
                self.rig.api.faults[page] = self.chance.choice(faults)


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_the_books_of_any_source_balance_and_the_table_is_the_sources(rig: Rig, seed: int) -> None:
    chance = random.Random(seed)
    page_size = chance.randint(2, 12)
    rig.spec = users_spec(
        page_size=page_size,
        batch_size=chance.choice((5, 17, 1000)),
        max_concurrent_pages=chance.choice((1, 3, 8)),
    )
    source = RandomSource(rig, chance)
    for _ in range(3):
        rig.tick(3600)
        source.forget_twins()
        source.change()
        source.break_some_pages()
        report = rig.sync(SyncOrder(chance.choice(("incremental", "full"))))
        if rig.api.faults and report.account.pages_queued:
            assert report.status == "completed_with_errors"
            rig.api.faults.clear()
            rig.drain()
        rig.api.faults.clear()
        rig.tick(10)
        last = rig.sync()
        assert last.proof == "total"
        assert rig.table() == rig.api.table(*source.bad, *source.twins), f"seed {seed}"
        assert last.account.quarantined <= len(source.bad)
    named = Counter(row["external_id"] for row in rig.rows("select external_id from sync_quarantine"))
    assert sum(named.values()) >= len(source.bad)
    full = rig.sync(SyncOrder("full"))
    assert full.account.quarantined == len(source.bad)
    assert full.account.seen == len(rig.api.texts())
    assert full.account.inserted + full.account.updated == 0
