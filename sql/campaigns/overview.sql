-- Purpose: where the latest campaigns stand, for a person.
-- Grain: one row a campaign, the latest start first.
select
    campaign_id,
    status,
    starts_at,
    ends_at,
    audience,
    failure
from campaigns
order by starts_at desc, campaign_id asc
limit 10
