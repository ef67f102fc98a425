-- Purpose: a close failed; the campaign stays `closing`, because its end does not change.
-- Parameters: campaign_id, step, reason, next_attempt_at
-- Grain: the campaign's row. Rerun: nothing changes.
update campaigns
set
    failure = concat_ws(': ', nullif(%(step)s, ''), %(reason)s::text),
    next_attempt_at = %(next_attempt_at)s
where
    campaign_id = %(campaign_id)s
    and status = 'closing'
