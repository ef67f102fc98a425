-- Purpose: a launch is done. A pause that came after the last request changes nothing any more.
-- Parameters: campaign_id
-- Grain: the campaign's row. Rerun: published_at stays.
update campaigns
set
    status = 'live',
    published_at = coalesce(published_at, now()),
    next_attempt_at = null,
    failure = null
where
    campaign_id = %(campaign_id)s
    and status in ('launching', 'paused', 'scheduled')
