"""Children that end with their parent, whatever ends it: real processes, stubborn ones included."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sync_platform.cli.processes import Children, end_groups
from sync_platform.home.running import ProcessMark

FAMILY = """
import signal, subprocess, sys
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleeper = (sys.executable, "-c", "import time; time.sleep(600)")
child = subprocess.Popen(sleeper, start_new_session="apart" in sys.argv)
print(child.pid, flush=True)
signal.pause()
"""
PARENT = """
import sys
from pathlib import Path
from sync_platform.cli.processes import Children
with Children(Path(sys.argv[1])) as children:
    child = children.start((sys.executable, "-c", sys.argv[2], *sys.argv[3:]), stdout=-1)
    print(child.pid, child.stdout.readline().decode(), flush=True)
    child.wait()
"""


def family(*habits: str) -> tuple[str, ...]:
    return (sys.executable, "-c", FAMILY, *habits)


@pytest.mark.parametrize("habits", [(), ("apart",), ("stubborn",), ("stubborn", "apart")])
def test_leaving_ends_children_and_grandchildren(tmp_path: Path, habits: tuple[str, ...]) -> None:
    with Children(tmp_path) as children:
        child = children.start(family(*habits), stdout=subprocess.PIPE)
        assert child.stdout is not None
        grandchild = psutil.Process(int(child.stdout.readline()))
        # The patience of the product is six seconds; what it does afterwards is the same.
        end_groups(children.marks, patience_s=0.3)

    psutil.wait_procs([grandchild], timeout=5)
    assert not grandchild.is_running()
    assert child.wait(timeout=5) < 0


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_parent_that_is_ended_takes_its_descendants_along(tmp_path: Path, ending: signal.Signals) -> None:
    command = (sys.executable, "-c", PARENT, str(tmp_path), FAMILY)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        descendants = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]

        parent.send_signal(ending)

        _, alive = psutil.wait_procs(descendants, timeout=15)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_ctrl_c_reaches_the_parent_alone(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = children.start(family(), stdout=subprocess.PIPE)

        assert os.getpgid(child.pid) == child.pid != os.getpgid(0)


def test_a_number_that_belongs_to_somebody_else_now_is_left_alone() -> None:
    with subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE, process_group=0) as other:
        mark = ProcessMark.of(other.pid)

        end_groups([mark.model_copy(update={"started_at_s": mark.started_at_s - 100})], patience_s=0.1)

        assert other.poll() is None
        assert other.stdin is not None
        other.stdin.write(b"\n")


def test_ending_what_is_gone_is_no_error() -> None:
    with subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE) as child:
        mark = ProcessMark.of(child.pid)
    end_groups([mark])
