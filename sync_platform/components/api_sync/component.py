"""`ApiSync`: reads one `defs.yaml` and assembles the definitions of its source.

Here belongs only how YAML becomes definitions. The component is not `Resolvable`: its attributes are plain
pydantic, so that Dagster's templates never touch `{page}` or `${NAME}`, and no secret is looked up at load.
"""

from typing import Self

import dagster as dg
from pydantic import BaseModel

from sync_platform.components.api_sync.assets import build_assets
from sync_platform.components.api_sync.attributes import ApiSyncAttributes
from sync_platform.components.api_sync.hooks import build_failure_hook
from sync_platform.components.api_sync.jobs import build_jobs
from sync_platform.components.api_sync.replay import build_replay
from sync_platform.components.api_sync.retry import build_retry
from sync_platform.components.api_sync.scaffold import ApiSyncScaffolder
from sync_platform.components.schedules import longest_gap
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.settings import load_settings


@dg.scaffold_with(ApiSyncScaffolder)
class ApiSync(dg.Component):
    """Keeps a paginated REST API in a Postgres table, and proves that nothing was missed.

    One YAML file gives four assets (pages as read, normalized rows, the table, log and watermark), a job, a
    schedule, a blocking check that the books balance, and a retry of what failed. Records that break the
    contract are quarantined one by one; pages that fail are queued; the watermark moves only when it is
    proven that everything was seen.

    Attributes:
        spec: the validated YAML.
        instance_name: the name of the folder that holds it, such as `users_sync`; the source's noun without.
    """

    def __init__(self, spec: ApiSyncSpec, instance_name: str | None = None) -> None:
        self.spec = spec
        self.instance_name = instance_name or spec.source

    @property
    def names(self) -> tuple[str, str]:
        """What a person may call it: the source's noun, or the instance's folder."""
        return self.spec.source, self.instance_name

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema of the attributes, which Dagster checks with file, line and field."""
        return ApiSyncAttributes

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What the UI and `dg list components` say about this component."""
        return dg.ComponentTypeSpec(
            description="A paginated REST API that is kept in a Postgres table: incremental, window and full "
            "syncs on a schedule, with retries, a quarantine, and books that balance.",
            tags=["pull", "rest-api", "postgres"],
            produces=["asset", "asset_check", "job", "schedule", "sensor"],
        )

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Make the component from checked attributes; without any, the schema says what is missing."""
        spec = ApiSyncAttributes.model_validate({} if attributes is None else attributes)
        return cls(spec, instance_name=context.path.name)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Assemble the source's definitions; contacts nothing, and reads only the time zone."""
        del context  # all names come from the spec
        timezone = load_settings().timezone
        schedule = self.spec.schedule_spec
        gap = None if schedule is None else longest_gap(schedule.cron, timezone)
        on_failure = build_failure_hook(self.spec)
        assets = build_assets(self.spec, on_failure, longest_gap=gap)
        return dg.Definitions.merge(
            dg.Definitions(assets=assets),
            build_jobs(self.spec, on_failure, timezone=timezone),
            build_retry(self.spec),
            build_replay(self.spec),
        )
