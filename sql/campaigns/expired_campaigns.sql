-- Purpose: campaigns whose end has passed and that have something to take down; the trigger of
-- campaign_close.
-- Parameters: now, lead_s
-- Grain: one row a campaign, the earliest end first. What was never launched has nothing to take down: a
-- draft stays a draft, and one that was missed stays failed. A launch in progress is waited for. Rerun: what
-- is due then.
select
    campaign_id,
    name,
    starts_at,
    ends_at
from campaigns
where
    ends_at <= %(now)s + make_interval(secs => %(lead_s)s)
    and (
        status in ('live', 'closing')
        or (status in ('scheduled', 'paused', 'failed') and attempts > 0)
    )
order by ends_at, campaign_id
