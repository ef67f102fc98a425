-- Purpose: begin to close a campaign. failure stays: it tells what the launch did not do.
-- Parameters: campaign_id
-- Grain: the campaign's row. Rerun: nothing changes.
update campaigns
set
    status = 'closing',
    next_attempt_at = null
where
    campaign_id = %(campaign_id)s
    and status in ('live', 'scheduled', 'paused', 'failed')
