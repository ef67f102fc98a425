"""The sandbox's people: who they are at a moment, and who changed since a time.

Here belongs the made-up population as a pure function of seed and clock, so that a restarted sandbox tells
the same story. HTTP stands in `users_api`.

Most people changed last somewhere in 2024 or 2025. One in ten is lively: from 2026 on a clock hand goes round
the lively ones and changes one every 20 seconds. One person an hour is new.
"""

import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import gcd

_US = timedelta(microseconds=1)
_CREATED_SINCE = datetime(2019, 1, 1, tzinfo=UTC)
_CHANGED_SINCE = datetime(2024, 1, 1, tzinfo=UTC)
_LIVELY_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_CHANGED_SINCE_US = (_CHANGED_SINCE - _CREATED_SINCE) // _US
_LIVELY_SINCE_US = (_LIVELY_SINCE - _CREATED_SINCE) // _US
_CHANGE_EVERY_US = 20_000_000
_NEW_EVERY_US = 3_600_000_000
_LIVELY_SHARE = 10
_DAY_US = 86_400_000_000


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FIRST_NAMES = _words(
    """
    Ada Amara Ana Anton Asha Aiko Bao Bea Björn Carla Chidi Chloé Daniel Darya Diego Elif Emeka Emma
    Eva Farid Fatima Felix Freya Gita Grace Hana Hugo Ines Ivan Jana João Jonas Kaia Kofi Lars Layla
    Lena Leo Lin Lucía Luka Maja Malik Marta Mateo Mei Mila Mina Nadia Niko Noor Olga Omar Oscar Paula
    Pedro Petra Priya Rafael Rania Ravi Rosa Samir Sara Sofia Søren Tariq Tessa Theo Tomás Uma Vera
    Viktor Wanjiru Xin Yara Yusuf Zoë
    """
)
_LAST_NAMES = _words(
    """
    Abara Adler Ahmed Almeida Andersen Baker Bauer Becker Bianchi Borg Brandt Castro Chen Costa Danso
    Das Diaz Dupont Eriksen Evans Fischer Fontaine Garcia Gomez Gruber Gupta Haas Hansen Hughes
    Ibrahim Ito Jansen Jones Kaya Keller Khan Kim Kowalski Kumar Larsen Lee Lopez Maier Mensah Meyer
    Moreau Müller Nakamura Nguyen Novak O'Brien Okafor Olsen Osei Park Patel Pereira Popov Quist
    Rahman Ricci Rossi Ruiz Sato Schmidt Silva Singh Smith Sørensen Suzuki Tanaka Torres Usman Varga
    Vega Wagner Walker Weber Wong Yilmaz Young Zhang Zimmermann
    """
)
_COUNTRIES = ("DE", "FR", "ES", "IT", "PT", "NL", "SE", "PL", "GB", "US", "BR", "IN", "JP", "NG", "GH", "KE")


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the population has come: everything that it says at a moment follows from these two counts.

    Attributes:
        changes: how often a lively person has been changed.
        newcomers: how many people joined after the first ones.
    """

    changes: int
    newcomers: int


STATIC_MOMENT = Moment(changes=0, newcomers=0)
"""The population as it was before anything moved, for benchmarks and for tests that compare every row."""


def moment_at(now: datetime) -> Moment:
    """Tell how far any population has come at a time; before 2026 nothing has moved yet."""
    lived_us = max((now - _LIVELY_SINCE) // _US, 0)
    return Moment(changes=lived_us // _CHANGE_EVERY_US, newcomers=lived_us // _NEW_EVERY_US)


class Population:
    """Made-up people with the ids 1, 2, 3 and so on.

    Every person has a place, which is the rank of the first change: a bijection of the ids, so that the order
    of ids and the order of changes have nothing to do with each other. The last places are the lively ones.

    Args:
        count: how many people there are before anyone joins, at least 1.
        seed: another seed gives other people.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self._seed_bits = seed * 0xD1B54A32D192ED03
        self._quiet_count = count - count // _LIVELY_SHARE
        self._lively_count = count - self._quiet_count
        golden = int(count * 0.618) | 1
        self._stride = next(stride for stride in range(golden, golden + count + 1) if gcd(stride, count) == 1)
        self._inverse_stride = pow(self._stride, -1, count)
        self._step_us = (_LIVELY_SINCE_US - _CHANGED_SINCE_US) // count
        self._ids_changed_since = lru_cache(maxsize=8)(self._find_ids_changed_since)

    def size(self, moment: Moment) -> int:
        """Count the people at a moment."""
        return self.count + moment.newcomers

    def changed_since(self, since: datetime | None, moment: Moment) -> Sequence[int]:
        """List the ids of those whose `updated_at` is `since` or later, ascending; None lists everyone."""
        if since is None or since <= _CHANGED_SINCE:
            return range(1, self.size(moment) + 1)
        return self._ids_changed_since((since - _CREATED_SINCE) // _US, moment)

    def record(self, user_id: int, moment: Moment) -> bytes:
        """Encode one person as the JSON object that the API sends."""
        bits = (user_id * 0x9E3779B97F4A7C15 + self._seed_bits) & 0xFFFFFFFFFFFFFFFF
        bits ^= bits >> 31
        version, updated_us = self._last_change(user_id, moment)
        created_us = (bits >> 20) % _CHANGED_SINCE_US if user_id <= self.count else updated_us
        first = _FIRST_NAMES[bits % len(_FIRST_NAMES)]
        last = _LAST_NAMES[(bits >> 8) % len(_LAST_NAMES)]
        return (
            f'{{"id":{user_id},"email":"{_mail_name(first)}.{_mail_name(last)}.{user_id}@Example.com"'
            f',"first_name":"{first}","last_name":"{last}"'
            f',"active":{"false" if ((bits >> 16) + version) & 7 == 0 else "true"}'
            f',"country":"{_COUNTRIES[(bits >> 24) % len(_COUNTRIES)]}"'
            f',"created_at":"{_timestamp(created_us)}","updated_at":"{_timestamp(updated_us)}"}}'
        ).encode()

    def _last_change(self, user_id: int, moment: Moment) -> tuple[int, int]:
        """Tell how often a person was changed in the lively time, and when last, in us since 2019."""
        if user_id > self.count:
            return 0, _LIVELY_SINCE_US + (user_id - self.count) * _NEW_EVERY_US
        place = user_id * self._stride % self.count
        position = place - self._quiet_count
        if position < 0 or moment.changes <= position:
            return 0, self._first_change_us(place)
        rounds = (moment.changes - 1 - position) // self._lively_count
        return rounds + 1, _LIVELY_SINCE_US + (rounds * self._lively_count + position + 1) * _CHANGE_EVERY_US

    def _first_change_us(self, place: int) -> int:
        return _CHANGED_SINCE_US + place * self._step_us

    def _find_ids_changed_since(self, since_us: int, moment: Moment) -> Sequence[int]:
        lived_us = max(since_us - _LIVELY_SINCE_US, 0)
        first_place = bisect_left(range(self.count), since_us, key=self._first_change_us)
        first_change = max(-(-lived_us // _CHANGE_EVERY_US), 1, moment.changes - self._lively_count + 1)
        first_newcomer = max(-(-lived_us // _NEW_EVERY_US), 1)
        places = set(range(first_place, self.count))
        if self._lively_count:
            places.update(
                self._quiet_count + (change - 1) % self._lively_count
                for change in range(first_change, moment.changes + 1)
            )
        ids = sorted(place * self._inverse_stride % self.count or self.count for place in places)
        return array("q", [*ids, *range(self.count + first_newcomer, self.size(moment) + 1)])


@lru_cache(maxsize=256)
def _mail_name(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.replace("ø", "oe"))
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalpha())


@lru_cache(maxsize=8192)
def _day(number: int) -> str:
    return (_CREATED_SINCE + timedelta(days=number)).strftime("%Y-%m-%dT")


@lru_cache(maxsize=1440)
def _minute(number: int) -> str:
    return f"{number // 60:02}:{number % 60:02}:"


def _timestamp(since_2019_us: int) -> str:
    """Write RFC 3339 in UTC with microseconds; several times faster than `isoformat`."""
    day, day_us = divmod(since_2019_us, _DAY_US)
    minute, minute_us = divmod(day_us, 60_000_000)
    return f"{_day(day)}{_minute(minute)}{minute_us / 1_000_000:09.6f}Z"
