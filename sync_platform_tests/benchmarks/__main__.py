"""`python -m sync_platform_tests.benchmarks`: what `make bench` runs.

Without options the whole matrix, about an hour. What is measured is merged into
`docs/benchmarks/results.json`, from which the page, README's section and the drawings are written; so parts
can be measured anew: `--only limit,ours --users 1000000`. `--quick` and `--guard` publish nothing.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sync_platform_tests.benchmarks import push
from sync_platform_tests.benchmarks.database import safe_server
from sync_platform_tests.benchmarks.figures import Cell, Results, Sample
from sync_platform_tests.benchmarks.machine import machine
from sync_platform_tests.benchmarks.matrix import (
    SYSTEMS,
    Case,
    chosen,
    full_matrix,
    guard_matrix,
    quick_matrix,
    repeated,
)
from sync_platform_tests.benchmarks.publish import RESULTS, publish
from sync_platform_tests.benchmarks.report import groups_text, targets_table
from sync_platform_tests.benchmarks.runs import Bench, collected
from sync_platform_tests.benchmarks.startup import measure_imports
from sync_platform_tests.benchmarks.targets import gross_regressions

_IMPORTS, _PUSH = "imports", "push"
_PARTS = (*SYSTEMS, _IMPORTS, _PUSH)
_QUICK_CUSTOMERS = 1000


def main() -> int:
    """Measure; exits with 1 where a system failed or, guarding, a ratio is grossly worse than published."""
    options = _parse()
    if options.publish:
        publish()
        return 0
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling every module anew is not what is measured
    with tempfile.TemporaryDirectory() as home, safe_server(Path(home) / "server") as server:
        bench = Bench(server, Path(home))
        if options.guard:
            return _guard(bench)
        if options.quick:
            return _measure_quickly(bench)
        return _measure_and_publish(bench, options)


def _measure_and_publish(bench: Bench, options: argparse.Namespace) -> int:
    wanted = {"users": options.users, "page_size": options.pages, "latency_ms": options.latency}
    cases = repeated(chosen(full_matrix(), system=options.only, **wanted), options.repeats)
    results = Results.read(RESULTS).model_copy(update={"machine": machine(bench.server)})
    if _IMPORTS in (options.only or _PARTS):
        results = results.model_copy(update={"import_s": measure_imports()})
    if _PUSH in (options.only or _PARTS):
        results = results.model_copy(update={"push": tuple(push.measure(bench.server))})
    results = _measure(bench, cases, results, RESULTS)
    results.write(RESULTS)
    publish()
    return _tell(results, bench)


def _measure_quickly(bench: Bench) -> int:
    results = Results(machine=machine(bench.server), import_s=measure_imports())
    results = _measure(bench, quick_matrix(), results)
    pushed = push.measure(bench.server, customers=_QUICK_CUSTOMERS, repeats=1)
    return _tell(results.model_copy(update={"push": tuple(pushed)}), bench)


def _guard(bench: Bench) -> int:
    """Look for gross regressions, and twice before saying so: the first look may be a slow moment's."""
    for _ in range(2):
        found = gross_regressions(Results.read(RESULTS), _measure(bench, guard_matrix(), Results()))
        if not found and not bench.failed:
            sys.stdout.write("No ratio is grossly worse than published.\n")
            return 0
    sys.stderr.write("".join(f"Grossly slower: {line}\n" for line in found))
    return 1


def _measure(bench: Bench, cases: Sequence[Case], results: Results, file: Path | None = None) -> Results:
    """Measure cases into the results, telling each; a file is kept up to date meanwhile."""
    measured: list[tuple[Cell, Sample]] = []
    for cell, sample in bench.measure(cases):
        measured.append((cell, sample))
        at = f"{cell.users:,} users, pages of {cell.page_size}, {cell.latency_ms} ms"
        sys.stderr.write(f"{cell.system}, {at}, {cell.scenario}: {sample.work_s:.2f} s\n")
        if file is not None:
            results.merged(collected(measured)).write(file)
    return results.merged(collected(measured))


def _tell(results: Results, bench: Bench) -> int:
    parts = [groups_text(results), targets_table(results)]
    parts += [push.push_table(results.push)] if results.push else []
    parts += ["\n".join(f"- {line}" for line in results.machine)]
    sys.stdout.write("\n\n".join(parts) + "\n")
    for case in bench.failed:
        sys.stderr.write(f"Not measured, because it failed: {case}\n")
    return 1 if bench.failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sync_platform_tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every system on few users, about two minutes")
    parser.add_argument("--guard", action="store_true", help="only fail on a gross regression of a ratio")
    parser.add_argument("--publish", action="store_true", help="measure nothing, write the pages anew")
    parser.add_argument("--only", type=_names, default=(), help=f"parts, by comma: {', '.join(_PARTS)}")
    for name in ("users", "pages", "latency"):
        parser.add_argument(f"--{name}", type=_numbers, default=(), help=f"only these {name}, by comma")
    parser.add_argument("--repeats", type=int, help="instead of what the matrix says")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(_PARTS):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")
    return names


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
