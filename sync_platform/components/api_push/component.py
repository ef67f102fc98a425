"""`ApiPush`: reads one `defs.yaml` and assembles the definitions of its push.

Here belongs only how YAML becomes definitions. The component is not `Resolvable`: its attributes are plain
pydantic, so that Dagster's templates never touch `{email}` or `${NAME}`, and no secret is looked up at load.
"""

from typing import Self

import dagster as dg
from pydantic import BaseModel

from sync_platform.components.api_push.assets import build_assets
from sync_platform.components.api_push.attributes import ApiPushAttributes
from sync_platform.components.api_push.hooks import build_hooks
from sync_platform.components.api_push.jobs import build_jobs
from sync_platform.components.api_push.names import PushNames
from sync_platform.components.api_push.scaffold import ApiPushScaffolder
from sync_platform.push.spec import ApiPushSpec
from sync_platform.settings import load_settings


@dg.scaffold_with(ApiPushScaffolder)
class ApiPush(dg.Component):
    """Sends each row of a query to an HTTP endpoint, one request a row, once each.

    One YAML file gives two assets (what is to be sent, and what was delivered), a job, a replay of what did
    not arrive, a schedule where asked for, and a blocking check that the books balance. Intent and outcome
    of every request are written down, so that a push that was stopped anywhere goes on where it was, and
    who got nothing is named with a reason.

    Attributes:
        spec: the validated YAML.
        instance_name: the name of the folder that holds it, such as `customer_push`.
    """

    def __init__(self, spec: ApiPushSpec, instance_name: str) -> None:
        self.spec = spec
        self.instance_name = instance_name
        self.named = PushNames.of(spec, instance_name)

    @property
    def names(self) -> tuple[str, ...]:
        """What a person may call it: what it sends, the push's name, or the instance's folder."""
        return self.named.source, self.named.push, self.instance_name

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The schema of the attributes, which Dagster checks with file, line and field."""
        return ApiPushAttributes

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What the UI and `dg list components` say about this component."""
        return dg.ComponentTypeSpec(
            description="The rows of a query, sent to an HTTP endpoint one by one, once each: paced, "
            "resumable, with idempotency keys, a breaker, and books that balance.",
            tags=["push", "rest-api", "postgres"],
            produces=["asset", "asset_check", "job", "schedule"],
        )

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Make the component from checked attributes; without any, the schema says what is missing."""
        spec = ApiPushAttributes.model_validate({} if attributes is None else attributes)
        return cls(spec, context.path.name)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Assemble the push's definitions; contacts nothing, and reads only the time zone."""
        del context  # all names come from the spec and the folder
        hooks = build_hooks(self.spec, self.named)
        return dg.Definitions.merge(
            dg.Definitions(assets=build_assets(self.spec, self.named, hooks)),
            build_jobs(self.spec, self.named, hooks, timezone=load_settings().timezone),
        )
