-- Purpose: forget what nobody looks at any more, because Dagster's event log grows without bound.
-- Parameters: keep_days
-- Grain: Dagster's own event_logs; kept are run outcomes, materializations, and checks, whatever their age.
-- Rerun: deletes what has become old since, at most 100000 rows a time, so that no run waits for it.
with old as (
    select event_logs.id
    from dagster.event_logs
    where
        event_logs.timestamp < (now() at time zone 'utc') - make_interval(days => %(keep_days)s)
        and coalesce(event_logs.dagster_event_type, 'LOG') not in (
            'ASSET_MATERIALIZATION',
            'ASSET_CHECK_EVALUATION',
            'ASSET_CHECK_EVALUATION_PLANNED',
            'PIPELINE_START',
            'PIPELINE_SUCCESS',
            'PIPELINE_FAILURE',
            'PIPELINE_CANCELED'
        )
    order by event_logs.id
    limit 100000
)

delete from dagster.event_logs
using old
where event_logs.id = old.id
