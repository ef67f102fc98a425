#!/usr/bin/env python3
"""Writes a `db.json` of made-up people for json-server; the same every time.

`python make_db.py > db.json`, or with another number: `python make_db.py 200 > db.json`.
"""

import json
import random
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

_FIRST = ("Ada", "Björn", "Chloé", "Diego", "Elif", "Farid", "Grace", "Hana", "Ivan", "Jana", "Søren", "Zoë")
_LAST = ("Abara", "Bianchi", "Costa", "Dupont", "Eriksen", "Fischer", "Müller", "O'Brien", "Sato", "Wong")
_CITIES = ("Lisbon", "Łódź", "Nairobi", "Osaka", "Paris", "Porto Alegre", "San José", "Zürich")
_TAGS = ("beta", "newsletter", "partner", "vip")
_START = datetime(2024, 1, 1, tzinfo=UTC)


def people(count: int) -> list[dict[str, Any]]:
    """Make up people with the ids 1 to `count`; some lack what not everybody has."""
    chance = random.Random(count)  # noqa: S311 -- made-up people, not cryptography
    return [_person(number, chance) for number in range(1, count + 1)]


def _person(number: int, chance: random.Random) -> dict[str, Any]:
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    signed_up = _START + timedelta(minutes=chance.randrange(500_000))
    changed = signed_up + timedelta(seconds=chance.randrange(10_000_000), milliseconds=chance.randrange(1000))
    person = {
        "id": number,
        "email": f"{first}.{last}.{number}@Example.com",
        "first_name": first,
        "last_name": last,
        "address": {"city": chance.choice(_CITIES), "zip": f"{chance.randrange(100_000):05}"},
        "phones": [
            {"number": f"+0 555 {chance.randrange(10_000):04}", "primary": is_primary}
            for is_primary in chance.choice(((True,), (False, True), (False,), ()))
        ],
        "tags": chance.sample(_TAGS, chance.randrange(len(_TAGS))),
        "balance": chance.randrange(-5_000, 100_000) / 100,
        "active": chance.randrange(10) > 0,
        "signed_up": signed_up.strftime("%d.%m.%Y %H:%M"),
        "updated_at": changed.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if number % 50 == 0:
        del person["address"]
    return person


if __name__ == "__main__":
    number_of_people = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    json.dump({"users": people(number_of_people)}, sys.stdout, ensure_ascii=False, indent=1)
