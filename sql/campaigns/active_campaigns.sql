-- Purpose: campaigns that are due to be launched; the trigger of campaign_launch.
-- Parameters: now, lead_s (how far ahead the nightly schedule looks)
-- Grain: one row a campaign, the earliest start first. It looks back without limit, so that a launch that was
-- slept through is found; is_missed says that the end has passed before anything was launched. When a failed
-- one is tried again is told by workflow_runs. Rerun: what is due then.
select
    campaign_id,
    name,
    starts_at,
    ends_at,
    audience,
    banner,
    message,
    ends_at <= %(now)s as is_missed
from campaigns
where
    starts_at <= %(now)s + make_interval(secs => %(lead_s)s)
    and published_at is null
    and (
        (status in ('scheduled', 'launching', 'failed') and ends_at > %(now)s)
        or (status = 'scheduled' and attempts = 0)
    )
order by starts_at, campaign_id
