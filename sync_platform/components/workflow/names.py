"""Every name that one workflow gives to Dagster, derived from its own (DESIGN 3).

Here belongs naming only; other modules never spell a name themselves.
"""

from dataclasses import dataclass

from sync_platform.workflow.spec import WorkflowSpec

PARTITION_TAG = "dagster/partition"
STARTER_TAG = "sync_platform/started_by"
"""Who started a run: sensor, schedule, or hand where the tag is missing."""

ATTEMPT_TAG = "attempt"
"""Which attempt of its key a run was."""


@dataclass(frozen=True, slots=True)
class WorkflowNames:
    """The names of one workflow.

    Attributes:
        workflow: its name, such as `campaign_launch`.
        spec: its YAML, which may choose some of the names.
    """

    workflow: str
    spec: WorkflowSpec

    @property
    def op(self) -> str:
        """The one op that walks all steps."""
        return self.workflow

    @property
    def assets(self) -> tuple[str, ...]:
        """The steps, in the YAML's order."""
        return tuple(step.name for step in self.spec.steps)

    @property
    def job(self) -> str:
        """The job of a whole run."""
        return f"{self.workflow}_job"

    @property
    def sensor(self) -> str:
        """The sensor that asks the trigger's query."""
        return self.spec.trigger.sensor_spec.name or f"{self.workflow}_sensor"

    @property
    def schedule(self) -> str:
        """The schedule that asks it too."""
        return f"{self.workflow}_schedule"

    @property
    def partitions(self) -> str:
        """The dynamic partitions that the keys become; several workflows may share them."""
        return self.spec.partitions or f"{self.workflow}_keys"

    def run_key(self, key: str, attempt: int, previous: str) -> str:
        """The run key of a claim, by the run of the key before it.

        A run that ended without a claim leaves the attempt as it is; without `previous` its run key would
        keep the key from ever being launched again.
        """
        return f"{self.workflow}:{key}:{attempt}:{previous}"
