"""The note of a running `up`: who reads it, and whether its writer lives."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from sync_platform.home.running import (
    ProcessMark,
    RunningUp,
    find_running_up,
    read_note,
    remove_note,
    write_note,
)


def test_the_note_comes_back_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    note = RunningUp(supervisor=ProcessMark.of(os.getpid()), environment={"A": "b"}, ui_url="http://x")

    write_note(tmp_path, note)
    write_note(tmp_path, note)

    assert find_running_up(tmp_path) == note
    assert [stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()] == [0o600]


def test_a_broken_or_missing_note_is_none(tmp_path: Path) -> None:
    assert read_note(tmp_path) is None
    (tmp_path / "up.json").write_text('{"version": 1, "supervisor"')
    assert read_note(tmp_path) is None
    remove_note(tmp_path)
    remove_note(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_another_process_took_over_is_not_taken_for_the_marked_one() -> None:
    mark = ProcessMark.of(os.getpid())

    assert mark.living() is not None
    assert mark.model_copy(update={"started_at_s": mark.started_at_s - 100}).living() is None


def test_a_process_that_ended_but_was_not_waited_for_does_not_live() -> None:
    with subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE) as child:
        mark = ProcessMark.of(child.pid)
        assert child.stdin is not None
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert mark.is_same_process()
        assert mark.living() is None
    assert not mark.is_same_process()
