-- Purpose: a launch failed, or was missed; with next_attempt_at it is tried again.
-- Parameters: campaign_id, step, reason, next_attempt_at
-- Grain: the campaign's row; what was paused meanwhile stays paused. Rerun: nothing changes.
update campaigns
set
    status = 'failed',
    failure = concat_ws(': ', nullif(%(step)s, ''), %(reason)s::text),
    next_attempt_at = %(next_attempt_at)s
where
    campaign_id = %(campaign_id)s
    and status in ('scheduled', 'launching')
