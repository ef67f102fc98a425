-- Purpose: tell a campaign that is not due from one that nobody knows.
-- Parameters: key
-- Grain: one row, or none.
select campaign_id
from campaigns
where campaign_id = %(key)s
