"""What it was measured on: hardware, system and versions, a line each."""

import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.benchmarks.database import one_value
from sync_platform_tests.benchmarks.peer_runs import REQUIREMENTS

_LIBRARIES = ("dagster", "polars", "pyarrow", "adbc-driver-postgresql", "psycopg", "msgspec")
_CPUINFO = Path("/proc/cpuinfo")


def machine(server: DatabaseAddress) -> tuple[str, ...]:
    """Describe the machine and the versions of everything that was measured."""
    postgres = one_value(server, "show server_version")
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores ({_cpu()}), {memory_gib:.0f} GiB of memory",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, Postgres {postgres}",
        ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        next(
            line.split(" ")[0].replace("==", " ")
            for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()
            if line.startswith("dlt==")
        ),
    )


def _cpu() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
