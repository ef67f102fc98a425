"""How often Python looks for garbage: rarely while a verb starts, as ever while its run goes on.

Nearly all that a verb makes before its run are definitions and libraries, which stay. Looking through them
again and again, and once more at the end, takes a second of a process and 0.2 s of a run.
"""

import gc

_USUAL = gc.get_threshold()
_RARE = 50_000


def look_rarely() -> None:
    """Look for garbage only after many more new objects than usual, until `keep_all` is called."""
    gc.set_threshold(_RARE)


def keep_all() -> None:
    """Look once, then take all that is left for kept for good, and look as often as usual."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_USUAL)
