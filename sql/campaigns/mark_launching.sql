-- Purpose: begin an attempt to launch.
-- Parameters: campaign_id
-- Grain: the campaign's row; one that was paused or closed meanwhile is left alone, which stops the launch.
update campaigns
set
    status = 'launching',
    attempts = attempts + 1,
    next_attempt_at = null,
    failure = null
where
    campaign_id = %(campaign_id)s
    and status in ('scheduled', 'launching', 'failed')
