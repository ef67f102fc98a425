"""How the figures are told: tables for the terminal, the page in `docs/benchmarks/` and README's section.

Pure: results in, Markdown out. No published number is copied by hand; a test says when a page and the results
disagree.
"""

from collections.abc import Callable, Iterable, Sequence

from sync_platform_tests.benchmarks.figures import (
    CHANGED,
    FIRST,
    NOTHING_NEW,
    UNCHANGED,
    Cell,
    Measurement,
    Results,
    Sample,
)
from sync_platform_tests.benchmarks.matrix import (
    CURVE_USERS,
    GUARD_USERS,
    LIMIT,
    OURS,
    PAGE,
    PEER_USERS,
    SYSTEMS,
)
from sync_platform_tests.benchmarks.push import push_table
from sync_platform_tests.benchmarks.targets import Verdict, verdicts

BEGIN, END = "<!-- benchmarks: written by `make bench` -->", "<!-- /benchmarks -->"
_SCENARIOS = (FIRST, UNCHANGED, CHANGED)
_ORDER = (*_SCENARIOS, NOTHING_NEW)
_PAGE = """\
# Benchmarks

Written by `make bench` from [results.json](results.json). Seconds and bytes are the machine's: compare the
ratios.

![Seconds of each system, by what the sync finds](peers.svg)

## Targets

{targets}

## Every system, every source

Seconds, medians of up to three repeats; in brackets how many times ours. *Process* is the first sync's
whole process, Python's start and imports included.

{groups}

## Where the time goes

Seconds of each step of a run of ours in pages of 100; *around them* is Dagster from the run's launch to its
end.

{stages}

## The cost curve

![Time and peak memory, 10 k to 5 M users](curve.svg)

{curve}

## The push

10,000 customers, unpaced, with the ledger, beside bare httpx posts of the same bodies at the same
concurrency.

{push}

## What is compared

- *First* finds an empty table, *unchanged* the same people again, *1 % changed* one in a hundred changed;
  all three read the whole source. *Nothing new* is an incremental sync after those.
- Ours is a run of `users_sync_job` by `sync-platform sync users --type full` in a process of its own, from
  the run's launch to its end: pages are landed, normalized, loaded, proven and accounted for. A peer's
  seconds are those of its pipeline, without starting Python and importing.
- The *limit* is what the database alone takes for the same rows when they are in memory already: COPY by
  ADBC into a temporary table, one merge that drops what is equal by a join. Nothing is read, checked or
  logged, so no sync can reach it.
- dlt, {dlt}: *default* is its declarative REST source with every setting as it ships; *parallel workers*
  fetches by a parallelized transformer, normalizes in two processes and loads Parquet by ADBC; *Arrow
  resource* makes one Arrow table a page by the same workers. *Tuned by hand* is what no documentation of it
  tells: a thread pool of its own and Arrow's JSON reader over 50 pages at once.
- The *low-code loop* is the seed's flow in plain Python: page after page, one upsert and one transaction a
  row.
- After every sync the table's content was held against the source's people, by a fingerprint of the columns
  that all systems have. A system with another content has no figures here.
- One Postgres, `fsync`, `synchronous_commit` and `full_page_writes` on. Every repeat has an empty database;
  before every sync the database is vacuumed and a checkpoint is made. *Log* is all the WAL that the server
  wrote meanwhile, Dagster's own events included.
- The source answers from memory, in a process of its own; it, Postgres and the system share the machine.

## Measured on

{machine}
"""


def page(results: Results) -> str:
    """Write `docs/benchmarks/README.md`."""
    return _PAGE.format(
        targets=targets_table(results),
        groups=groups_text(results),
        stages=_stages_table(results),
        curve=_curve_table(results),
        push=push_table(results.push),
        dlt=next((line for line in results.machine if line.startswith("dlt ")), "dlt"),
        machine="\n".join(f"- {line}" for line in results.machine),
    )


def readme_section(results: Results) -> str:
    """Write what stands between BEGIN and END in README."""
    peers = _group(results, PEER_USERS, PAGE, 0)
    met = [verdict.is_met for verdict in verdicts(results) if verdict.is_met is not None]
    return (
        f"{BEGIN}\n100,000 users in pages of 100, a whole Dagster run beside its peers, on one machine:\n\n"
        f"{_group_table(peers)}\n\n"
        f"In brackets: how many times ours. Of {len(met)} targets measured {sum(met)} are met; "
        f"all of them, and what is compared: [docs/benchmarks](docs/benchmarks/).\n{END}"
    )


def with_section(readme: str, section: str) -> str:
    """Return README with its section replaced.

    Raises:
        ValueError: README has no such section.
    """
    before, _, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"README has no section between {BEGIN} and {END}")
    return f"{before}{section}{after}"


def targets_table(results: Results) -> str:
    """Write every target, what was measured and whether it is met."""
    rows = [_target_row(verdict) for verdict in verdicts(results)]
    return _table(("", "target", "aim", "measured", "met"), rows)


def groups_text(results: Results) -> str:
    """Write one table for every size and source that was measured."""
    sources = {(one.cell.users, one.cell.page_size, one.cell.latency_ms) for one in results.measurements}
    blocks = [
        f"### {_source_name(*source)}\n\n{_group_table(_group(results, *source))}"
        for source in sorted(sources)
        if source[1] and source[0] != GUARD_USERS
    ]
    return "\n\n".join(blocks)


def _source_name(users: int, page_size: int, latency_ms: int) -> str:
    late = f", {latency_ms} ms late" if latency_ms else ""
    return f"{users:,} users, pages of {page_size:,}{late}"


def _group(results: Results, users: int, page_size: int, latency_ms: int) -> list[Measurement]:
    """Find what was measured on one source, with the limit, which is the same for all sources of a size."""
    fits = {(page_size, latency_ms), (0, 0)}
    return [
        one
        for one in results.measurements
        if one.cell.users == users and (one.cell.page_size, one.cell.latency_ms) in fits
    ]


def _group_table(group: Sequence[Measurement]) -> str:
    by_cell = {(one.cell.system, one.cell.scenario): one for one in group}
    rows = []
    for system, title in SYSTEMS.items():
        found = {scenario: by_cell.get((system, scenario)) for scenario in _SCENARIOS}
        if not any(found.values()):
            continue
        times = [_seconds(found[scenario], by_cell.get((OURS, scenario))) for scenario in _SCENARIOS]
        first, unchanged = found[FIRST], found[UNCHANGED]
        rows.append(
            (
                f"**{title}**" if system == OURS else title,
                *times,
                _number(first, lambda sample: sample.process_s, "{:.1f} s"),
                _number(first, lambda sample: (sample.peak_bytes or 0) / 1e6 or None, "{:.0f} MB"),
                _number(unchanged, lambda sample: sample.wal_bytes / 1e6, "{:.1f} MB"),
            )
        )
    return _table(("", *_SCENARIOS, "process", "peak memory", "log, unchanged"), rows)


def _stages_table(results: Results) -> str:
    wanted = [
        one
        for one in results.measurements
        if one.cell.system == OURS
        and (one.cell.page_size, one.cell.latency_ms) == (PAGE, 0)
        and one.cell.users in CURVE_USERS[1:]
    ]
    wanted.sort(key=lambda one: (one.cell.users, _ORDER.index(one.cell.scenario)))
    steps = list(dict.fromkeys(step for one in wanted for sample in one.samples for step in sample.stages))
    rows = [
        (
            f"{one.cell.users:,}, {one.cell.scenario}",
            *(_number(one, _stage(step), "{:.2f}") for step in steps),
            _number(one, lambda sample: sample.work_s - sum(sample.stages.values()), "{:.2f}"),
            _number(one, lambda sample: sample.work_s, "{:.2f}"),
        )
        for one in wanted
    ]
    return _table(("", *(f"`{step}`" for step in steps), "around them", "in all"), rows)


def _curve_table(results: Results) -> str:
    rows = []
    for users in CURVE_USERS:
        cells = [
            Cell(system=OURS, users=users, page_size=PAGE, latency_ms=0, scenario=scenario)
            for scenario in (FIRST, UNCHANGED)
        ]
        first, unchanged = (results.find(cell) for cell in cells)
        rows.append(
            (
                f"{users:,}",
                _number(first, lambda sample: sample.work_s, "{:.2f} s"),
                _number(unchanged, lambda sample: sample.work_s, "{:.2f} s"),
                _number(first, _row_us(users), "{:.1f} us"),
                _number(first, lambda sample: (sample.peak_bytes or 0) / 1e6, "{:.0f} MB"),
                _number(unchanged, lambda sample: sample.wal_bytes / 1e6, "{:.1f} MB"),
                _number(first, lambda sample: sample.events, "{:.0f}"),
            )
        )
    return _table(("users", "first", "unchanged", "a row", "peak memory", "log, unchanged", "events"), rows)


def _row_us(users: int) -> Callable[[Sample], float | None]:
    return lambda sample: sample.work_s / users * 1e6


def _stage(step: str) -> Callable[[Sample], float | None]:
    return lambda sample: sample.stages.get(step)


def _target_row(verdict: Verdict) -> tuple[str, ...]:
    bound = "at most" if verdict.is_most else "at least"
    return (
        verdict.what,
        f"{bound} {verdict.wanted:g} {verdict.unit}",
        "" if verdict.aim is None else f"{verdict.aim:g}",
        "not measured" if verdict.measured is None else f"{verdict.measured:,.2f} {verdict.unit}",
        {None: "", True: "yes", False: "**no**"}[verdict.is_met],
    )


def _seconds(found: Measurement | None, ours: Measurement | None) -> str:
    text = _number(found, lambda sample: sample.work_s, "{:.2f} s")
    if found is None or ours is None or found is ours:
        return text
    times = (found.median(_work) or 0) / (ours.median(_work) or 1)
    return f"{text} ({times:.2f})" if found.cell.system == LIMIT else f"{text} ({times:.1f})"


def _work(sample: Sample) -> float:
    return sample.work_s


def _number(found: Measurement | None, value: Callable[[Sample], float | None], form: str) -> str:
    middle = found.median(value) if found else None
    return "" if middle is None else form.format(middle)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ("---", *["---:"] * (len(header) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
