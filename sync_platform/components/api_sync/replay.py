"""The job that judges the records in quarantine anew, after the YAML or the table was mended.

What becomes of a record is `pull.replay`. The job takes the source's lock, so that it never works beside a
sync; nothing starts it but a person.
"""

import dagster as dg

from sync_platform.components.api_sync.hooks import build_redo_hook
from sync_platform.components.api_sync.names import SyncNames
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.resources import SettingsResource, WarehouseResource


def build_replay(spec: ApiSyncSpec) -> dg.Definitions:
    """The replay job of one source."""
    names = SyncNames(spec.source)

    @dg.op(
        name=names.replay_op,
        description="Judges every record in quarantine by the YAML as it is now, and loads those that fit.",
        out=dg.Out(dg.Nothing),
    )
    def replay(
        context: dg.OpExecutionContext, settings: SettingsResource, warehouse: WarehouseResource
    ) -> None:
        from sync_platform.components.api_sync import steps  # noqa: PLC0415 -- brings the engine, see there

        context.add_output_metadata(steps.replay(context, spec, settings, warehouse))

    @dg.job(
        name=names.replay_job,
        description=f"Judges the records of {spec.source} in quarantine anew, after the YAML or the table "
        "was mended. Neither is the source asked, nor does the watermark move.",
        executor_def=dg.in_process_executor,
        hooks={build_redo_hook(spec, "replay")},
        tags={"source": spec.source},
    )
    def job() -> None:
        replay()

    return dg.Definitions(jobs=[job])
