"""`Workflow`: reads one `defs.yaml` and assembles the definitions of its workflow.

Here belongs only how YAML becomes definitions. The component is not `Resolvable`: its attributes are plain
pydantic, so that Dagster's templates never touch `{campaign_id}` or `${NAME}`.
"""

from typing import Self

import dagster as dg
from pydantic import BaseModel

from sync_platform.components.turns import Clock, now
from sync_platform.components.workflow.assets import build_assets
from sync_platform.components.workflow.attributes import WorkflowAttributes
from sync_platform.components.workflow.hooks import build_hook
from sync_platform.components.workflow.names import WorkflowNames
from sync_platform.components.workflow.scaffold import WorkflowScaffolder
from sync_platform.components.workflow.trigger import build_trigger
from sync_platform.settings import load_settings
from sync_platform.workflow.spec import WorkflowSpec


@dg.scaffold_with(WorkflowScaffolder)
class Workflow(dg.Component):
    """Runs steps for each row of a query, once, along paths of success, failure and completion.

    One YAML file gives an asset a step, a job, a sensor and a schedule. Every row that the query returns
    becomes a partition and a run. A failed step is told, written down and tried again; only what is not done
    is redone, also after a kill.

    Attributes:
        spec: the validated YAML.
        name: of the workflow; the folder's where the YAML gives none.
        instance_name: the name of the folder that holds it.
    """

    def __init__(self, spec: WorkflowSpec, instance_name: str | None = None, *, clock: Clock = now) -> None:
        self.spec = spec
        self.name = spec.name or instance_name or "workflow"
        self.instance_name = instance_name or self.name
        self._clock = clock

    @property
    def names(self) -> tuple[str, str]:
        """What a person may call it: its name, or the instance's folder."""
        return self.name, self.instance_name

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema of the attributes, which Dagster checks with file, line and field."""
        return WorkflowAttributes

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What the UI and `dg list components` say about this component."""
        return dg.ComponentTypeSpec(
            description="Steps that run for each row of a query, once: SQL, HTTP, bulk sends, syncs and "
            "pushes, along paths of success, failure and completion.",
            tags=["workflow", "sql", "postgres"],
            produces=["asset", "job", "schedule", "sensor"],
        )

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Make the component from checked attributes; without any, the schema says what is missing."""
        spec = WorkflowAttributes.model_validate({} if attributes is None else attributes)
        return cls(spec, instance_name=context.path.name)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Assemble the workflow's definitions; contacts nothing, and reads only the time zone."""
        del context  # all names come from the spec and the folder
        return self.definitions()

    def definitions(self) -> dg.Definitions:
        """The workflow's assets, job, sensor and schedule."""
        names = WorkflowNames(self.name, self.spec)
        hook = build_hook(names)
        assets = build_assets(names, frozenset({hook}), clock=self._clock)
        job = dg.define_asset_job(
            names.job,
            selection=list(names.assets),
            description=f"Runs {self.name} for one key, if it is due. {self.spec.description or ''}".strip(),
            executor_def=dg.in_process_executor,
            hooks={hook},
            tags={"workflow": self.name},
        )
        timezone = self.spec.trigger.timezone or load_settings().timezone
        return dg.Definitions.merge(
            dg.Definitions(assets=[assets], jobs=[job]),
            build_trigger(names, timezone=timezone, clock=self._clock),
        )
