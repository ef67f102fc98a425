from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_platform.workflow.spec import StepSpec
from sync_platform.workflow.walk import claimable, next_steps, standing, unexpected_failures
from sync_platform_tests.unit.workflow.graphs import steps_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LETTERS = {"w": "waiting", "r": "running", "s": "succeeded", "f": "failed", "-": "skipped"}


def states(letters: str) -> dict[str, Any]:
    return {chr(ord("a") + at): LETTERS[letter] for at, letter in enumerate(letters)}


ALL = ["a", "b"]
ANY = {"any": ["a", "b"]}
FAILURES = [{"step": "a", "on": "failure"}, {"step": "b", "on": "failure"}]
COMPLETIONS = [{"step": "a", "on": "completion"}, {"step": "b", "on": "completion"}]
MIXED = ["a", {"step": "b", "on": "failure"}]


@pytest.mark.parametrize(
    ("after", "ends", "expected"),
    [
        (ALL, "ss", "ready"),
        (ALL, "sr", "waits"),
        (ALL, "sf", "skipped"),
        (ALL, "rf", "skipped"),
        (ALL, "s-", "skipped"),
        (ALL, "ww", "waits"),
        (ANY, "sr", "ready"),
        (ANY, "sf", "ready"),
        (ANY, "-s", "ready"),
        (ANY, "fr", "waits"),
        (ANY, "ff", "skipped"),
        (ANY, "f-", "skipped"),
        (FAILURES, "ff", "ready"),
        (FAILURES, "fs", "skipped"),
        (FAILURES, "fr", "waits"),
        (FAILURES, "f-", "skipped"),
        ({"any": FAILURES}, "sf", "ready"),
        ({"any": FAILURES}, "ss", "skipped"),
        ({"any": FAILURES}, "sr", "waits"),
        (COMPLETIONS, "sf", "ready"),
        (COMPLETIONS, "sr", "waits"),
        (COMPLETIONS, "s-", "skipped"),
        ({"any": COMPLETIONS}, "fr", "ready"),
        ({"any": COMPLETIONS}, "--", "skipped"),
        (MIXED, "sf", "ready"),
        (MIXED, "ss", "skipped"),
        (MIXED, "ff", "skipped"),
        ({"any": MIXED}, "fs", "skipped"),
        ({"any": MIXED}, "ff", "ready"),
        ([], "ff", "ready"),
    ],
)
def test_a_step_begins_waits_or_is_skipped(after: Any, ends: str, expected: str) -> None:
    steps = steps_of({"a": [], "b": [], "c": after})
    found = next_steps(steps, states(f"{ends}w"))
    told = "ready" if "c" in found.ready else "skipped" if "c" in found.skipped else "waits"
    assert told == expected


def test_a_skip_is_followed_to_its_end_and_says_why() -> None:
    steps = steps_of({"a": [], "b": ["a"], "c": ["b"], "d": {"any": ["c", "a"]}, "e": []})
    found = next_steps(steps, states("fwwww"))
    assert found.ready == ("e",)
    assert found.skipped == {
        "b": "it comes after the success of a, which failed",
        "c": "it comes after the success of b, which was skipped",
        "d": "it comes after the success of c, which was skipped",
    }


def test_steps_that_do_not_wait_for_each_other_are_ready_together_in_the_yamls_order() -> None:
    steps = steps_of({"z": [], "a": [], "m": ["z"], "b": ["z"]})
    assert next_steps(steps, dict.fromkeys("zamb", "waiting")).ready == ("z", "a")
    assert next_steps(steps, {"z": "succeeded", "a": "running", "m": "waiting", "b": "waiting"}).ready == (
        "m",
        "b",
    )


@pytest.mark.parametrize(
    ("graph", "ends", "unexpected"),
    [
        ({"a": []}, "f", ("a",)),
        ({"a": [], "b": ["a"]}, "f-", ("a",)),
        ({"a": [], "b": [{"step": "a", "on": "failure"}]}, "fs", ()),
        ({"a": [], "b": [{"step": "a", "on": "completion"}]}, "fs", ()),
        ({"a": [], "b": [{"step": "a", "on": "failure"}]}, "ff", ("b",)),
        ({"a": [], "b": [], "c": ["b", {"step": "a", "on": "failure"}]}, "ff-", ("a", "b")),
        ({"a": [], "b": [], "c": {"any": ["b", {"step": "a", "on": "failure"}]}}, "fss", ()),
        ({"a": [], "b": ["a"]}, "ss", ()),
    ],
)
def test_a_failure_is_expected_when_a_step_ran_because_of_it(
    graph: dict[str, Any], ends: str, unexpected: tuple[str, ...]
) -> None:
    assert unexpected_failures(steps_of(graph), states(ends)) == unexpected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "www"),
        ([("a", "succeeded")], "sww"),
        ([("a", "failed")], "www"),
        ([("a", "failed"), ("b", "skipped")], "www"),
        ([("a", "failed"), ("c", "succeeded")], "fws"),
        ([("a", "failed"), ("c", "failed")], "fww"),
        ([("a", "failed"), ("c", "running")], "fww"),
        ([("a", "running")], "www"),
        ([("a", "failed"), ("a", "succeeded"), ("b", "running")], "sww"),
        ([("a", "succeeded"), ("b", "failed"), ("b", "succeeded")], "ssw"),
    ],
)
def test_a_later_attempt_redoes_only_what_is_not_done(rows: list[tuple[str, str]], expected: str) -> None:
    steps = steps_of({"a": [], "b": ["a"], "c": [{"step": "a", "on": "failure"}]})
    assert standing(steps, [{"step": step, "status": status} for step, status in rows]) == states(expected)


@pytest.mark.parametrize(
    ("status", "next_attempt", "by_hand", "why"),
    [
        (None, None, False, None),
        ("running", None, False, "running"),
        ("running", None, True, "running"),
        ("done", None, True, "done"),
        ("paused", None, False, None),
        ("failed", None, False, "failed"),
        ("failed", None, True, None),
        ("failed", NOW, False, None),
        ("failed", NOW + timedelta(seconds=1), False, "waiting"),
        ("failed", NOW + timedelta(seconds=1), True, None),
    ],
)
def test_what_can_be_claimed(
    status: str | None, next_attempt: datetime | None, why: str | None, *, by_hand: bool
) -> None:
    run = None if status is None else {"status": status, "next_attempt_at": next_attempt}
    assert claimable(run, now=NOW, is_by_hand=by_hand) == why


@st.composite
def graphs(draw: st.DrawFn) -> tuple[StepSpec, ...]:
    """Steps that look back at any of those before them, on any end, all or any."""
    graph: dict[str, Any] = {}
    for name in "abcdef"[: draw(st.integers(1, 6))]:
        before = draw(st.lists(st.sampled_from(sorted(graph)), unique=True)) if graph else []
        edges = [
            {"step": one, "on": draw(st.sampled_from(["success", "failure", "completion"]))} for one in before
        ]
        graph[name] = {draw(st.sampled_from(["all", "any"])): edges}
    return steps_of(graph)


@given(graphs(), st.data())
def test_every_walk_ends_with_every_step_run_or_skipped_as_its_constraint_says(
    steps: tuple[StepSpec, ...], data: st.DataObject
) -> None:
    now: dict[str, Any] = {step.name: "waiting" for step in steps}
    while True:
        found = next_steps(steps, now)
        now |= dict.fromkeys(found.skipped, "skipped") | dict.fromkeys(found.ready, "running")
        running = [name for name, status in now.items() if status == "running"]
        if not running:
            break
        ended = data.draw(st.sampled_from(running))
        now[ended] = data.draw(st.sampled_from(["succeeded", "failed"]))
    assert set(now.values()) <= {"succeeded", "failed", "skipped"}
    for step in steps:
        ran = now[step.name] != "skipped"
        met = [
            now[edge.step] != "skipped"
            and (edge.on == "completion" or (now[edge.step] == "succeeded") == (edge.on == "success"))
            for edge in step.after.edges
        ]
        assert ran == (any(met) if step.after.any else all(met))
