"""What a verb has imported is not looked through again, and its run is as frugal as any."""

import gc
from collections.abc import Iterator

import pytest

from sync_platform.cli.garbage import keep_all, look_rarely


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()


def test_garbage_is_looked_for_rarely_until_a_run_begins() -> None:
    usual = gc.get_threshold()
    look_rarely()
    assert gc.get_threshold()[0] > 10 * usual[0]
    keep_all()
    assert gc.get_threshold() == usual


def test_what_is_there_when_a_run_begins_is_kept_and_what_comes_later_is_not() -> None:
    class Node:
        pass

    there: object = [Node()]
    keep_all()
    later: object = [Node()]
    seen = {id(one) for one in gc.get_objects()}
    assert id(there) not in seen
    assert id(later) in seen
