-- Purpose: whether a launch may go on: paused and deleted campaigns stop it, also in the middle of a send.
-- Parameters: campaign_id
-- Grain: one row, none where the campaign was deleted.
select status = 'launching' as may_go_on
from campaigns
where campaign_id = %(campaign_id)s
