"""Steps of made-up workflows, written as a mapping of names to `after`, so that tables stay short."""

from collections.abc import Mapping
from typing import Any

from sync_platform.workflow.spec import StepSpec


def steps_of(graph: Mapping[str, Any]) -> tuple[StepSpec, ...]:
    """Steps by name, with what stands in their `after`; what they do does not matter."""
    return tuple(
        StepSpec.model_validate({"name": name, "sync": "anything", "after": after})
        for name, after in graph.items()
    )
