"""Who makes rows of landed blocks while a read goes on: this process, or one of its own.

Decoding holds Python's lock, and so does reading, so that a long read is helped by a second process. It costs
a core for a second until it has started, and some memory; a short read does without. Here belongs how the two
processes talk: blocks' numbers go one way, what was made of them the other, and the rows stand in files.
"""

import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import IO, Protocol, cast

from sync_platform.pull.land import Landing
from sync_platform.pull.normalize import NormalizedBlock, Normalizer
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import Window

_WORTH_A_PROCESS = 250_000


@dataclass(frozen=True, slots=True)
class BlocksToMake:
    """Whose blocks are made, and how.

    Attributes:
        landing_url: root of the landing zone.
        sync_id: the sync.
        spec: the source's YAML.
        window: what was asked for.
    """

    landing_url: str
    sync_id: int
    spec: ApiSyncSpec
    window: Window


class Maker(Protocol):
    """Makes rows of the landed blocks of one sync, one block at a time."""

    def make(self, number: int) -> NormalizedBlock:
        """Write the rows of a block beside it; returns what was made of it, the rows left out."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


def maker_for(blocks: BlocksToMake, *, expected: int | None) -> Maker:
    """Open the maker that suits the number of records that the source promises, if it does."""
    return OwnProcess(blocks) if (expected or 0) >= _WORTH_A_PROCESS else ThisProcess(blocks)


class ThisProcess:
    """Makes them where it is called."""

    def __init__(self, blocks: BlocksToMake) -> None:
        self._landed = Landing(blocks.landing_url, blocks.spec.source).sync(blocks.sync_id)
        self._normalizer = Normalizer(blocks.spec, blocks.window)

    def make(self, number: int) -> NormalizedBlock:
        """See `Maker`."""
        block = self._normalizer.block(list(self._landed.pages(number)))
        self._landed.write_rows(number, block.rows)
        return replace(block, rows=block.rows.clear())

    def close(self) -> None:
        """Nothing is held."""


class OwnProcess:
    """Has them made by another process, which ends when this one closes its pipe or dies."""

    def __init__(self, blocks: BlocksToMake) -> None:
        # A session of its own: Ctrl-C is for us, who then close the pipe.
        self._process = subprocess.Popen(
            (sys.executable, "-m", __name__),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._blocks = blocks
        self._is_told = False

    def make(self, number: int) -> NormalizedBlock:
        """See `Maker`.

        Raises:
            EOFError, OSError: the other process has died.
        """
        to_it, from_it = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        if not self._is_told:
            pickle.dump(self._blocks, to_it)
            self._is_told = True
        pickle.dump(number, to_it)
        to_it.flush()
        block: NormalizedBlock = pickle.load(from_it)  # noqa: S301 -- it is our own child that speaks
        return block

    def close(self) -> None:
        """End the other process."""
        self._process.kill()
        self._process.communicate()


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Make blocks for another process until it closes its pipe; a fault ends this one."""
    maker = ThisProcess(pickle.load(asked))  # noqa: S301 -- it is our parent that speaks
    while True:
        try:
            number = pickle.load(asked)  # noqa: S301 -- see above
        except EOFError:
            return
        pickle.dump(maker.make(number), answers)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
