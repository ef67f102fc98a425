"""Starts a program from a process that is small, and writes what it cost to a file.

Linux counts what the starting process held as the started one's peak, and the benchmarks hold millions of
rows; so this stands between. Run as `python -I -S peak.py FILE COMMAND...`; needs nothing but the standard
library, and exits as the program does.
"""

import json
import os
import sys
import time


def main() -> int:
    """Run the command, and write its seconds and its peak memory in bytes."""
    file, *command = sys.argv[1:]
    began = time.perf_counter()
    _, status, usage = os.wait4(os.posix_spawn(command[0], command, os.environ), 0)
    process_s = time.perf_counter() - began
    peak_bytes = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
    with open(file, "w", encoding="utf-8") as stream:  # noqa: PTH123 -- pathlib would make this process larger
        json.dump({"process_s": process_s, "peak_bytes": peak_bytes}, stream)
    return os.waitstatus_to_exitcode(status) % 256


if __name__ == "__main__":
    sys.exit(main())
