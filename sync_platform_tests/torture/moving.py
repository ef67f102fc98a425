"""A source that never stands still while it is read: random interleavings of its changes with our requests.

Here belongs what can happen between two requests. Users come, change and go, several in the same second;
some are committed late, so that they appear with a time that has passed already, by less than the lag that
an incremental sync looks back. What must hold: after one more sync of the source at rest the table has every
user as the source has it, and a sync that says proven has missed nobody that was there all the time.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from sync_platform.pull.window import SyncOrder
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_users_api import ENVIRONMENT, FakeUsersApi, iso, users_spec
from sync_platform_tests.integration.pull.conftest import Rig
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer

_LATEST_COMMIT_S = 50
_CHANGES = ("insert", "late insert", "update", "late update", "delete")
_VISITS = ("insert", "late insert", "leave", "leave")


def nothing() -> None:
    """The source at rest."""


@dataclass
class MovingUsersApi(FakeUsersApi):
    """Users in the order of their ids, or of their last change as many APIs list them."""

    order: Literal["id", "updated_at"] = "id"
    stir: Callable[[], None] = nothing

    def __call__(self, request: RecordedRequest) -> ScriptedReply:
        self.stir()
        return super().__call__(request)

    def texts(self, since: str | None = None, until: str | None = None) -> list[str]:
        found = super().texts(since, until)
        if self.order == "id":
            return found
        return sorted(found, key=lambda text: datetime.fromisoformat(json.loads(text)["updated_at"]))


@dataclass
class Interleaving:
    """One seeded source, changing before each of its answers."""

    rig: Rig
    api: MovingUsersApi
    chance: random.Random
    unrest: float
    is_fleeting: bool = False
    users: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    newcomers: list[int] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def fill(self) -> None:
        """Users of the last hours, many of them changed in the same second."""
        for number in self.chance.sample(range(1, 1000), self.chance.randint(0, 36)):
            self.put(number, self.api.now - timedelta(seconds=10 * self.chance.randint(0, 400)))

    def put(self, number: int, changed_at: datetime) -> None:
        text = {
            "id": number,
            "email": f"U{number}@x",
            "first_name": f"N{self.chance.randint(1, 9999)}",
            "last_name": "L",
            "active": True,
            "updated_at": iso(changed_at),
        }
        self.api.put_text(number, json.dumps(text), updated_at=changed_at)
        self.users.add(number)

    def stir(self) -> None:
        """What happens before an answer: nothing, or some changes and some time."""
        while self.chance.random() < self.unrest:
            self.api.tick(self.chance.choice((0, 0, 0.4, 3)))
            self._change()

    def _change(self) -> None:
        kind = self.chance.choice(_VISITS if self.is_fleeting else _CHANGES)
        late_s = self.chance.uniform(0, _LATEST_COMMIT_S) if kind.startswith("late") else 0
        if kind.endswith("insert"):
            # An id is not used again: with an older time than before, it would be an older version of it.
            used = self.users | self.gone
            number = self.chance.choice([n for n in range(1, 1000) if n not in used])
            self.put(number, self.api.now - timedelta(seconds=late_s))
            self.newcomers.append(number)
        elif kind == "leave":
            if not self.newcomers:
                return
            number = self.newcomers.pop(self.chance.randrange(len(self.newcomers)))
            self.delete(number)
        elif self.users:
            number = self.chance.choice(sorted(self.users))
            if kind == "delete":
                self.delete(number)
            else:
                self.put(number, max(self._changed_at(number), self.api.now - timedelta(seconds=late_s)))
        else:
            return
        self.changes.append(f"request {len(self.api.requests)}: {kind} {number}")

    def delete(self, number: int) -> None:
        self.api.delete(number)
        self.users.discard(number)
        self.gone.add(number)

    def _changed_at(self, number: int) -> datetime:
        return datetime.fromisoformat(json.loads(self.api.text_of(number))["updated_at"])

    def missing(self) -> dict[str, tuple[str, str, str]]:
        """What the source has and the table has not, or has otherwise."""
        held = self.rig.table()
        return {key: row for key, row in self.api.table().items() if held.get(key) != row}


def require_nothing_lost(
    database: DatabaseAddress, folder: Path, seed: int, *, is_fleeting: bool = False
) -> str:
    """Sync a source that changes meanwhile, then once more at rest: nothing may be missing.

    Args:
        database: an empty one.
        folder: for what lands.
        seed: of everything that is left to chance.
        is_fleeting: nobody but newcomers leave, often within the read in which they came.

    Returns:
        How the first sync ended.
    """
    chance = random.Random(seed)
    api = MovingUsersApi(order=chance.choice(("id", "updated_at")))
    with ScriptedServer() as server:
        server.script("/users", api)
        rig = Rig(database, str(folder / "landing"), api, {**ENVIRONMENT, "EXTERNAL_API_URL": server.url})
        rig.spec = users_spec(page_size=chance.randint(2, 9), max_concurrent_pages=chance.choice((1, 1, 4)))
        interleaving = Interleaving(
            rig, api, chance, unrest=chance.choice((0.05, 0.2, 0.5)), is_fleeting=is_fleeting
        )
        interleaving.fill()
        api.stir = interleaving.stir
        first = rig.sync(SyncOrder(chance.choice(("full", "incremental"))))
        api.stir = nothing
        story = [f"seed {seed}", api.order, first.status, *interleaving.changes]
        rig.tick(600)
        rig.drain()
        last = rig.sync()
        assert last.proof == "total", story
        assert interleaving.missing() == {}, story
        assert rig.table().keys() - api.table().keys() <= {str(number) for number in interleaving.gone}, story
    return first.status
