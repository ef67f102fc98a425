-- Purpose: whether a close may go on.
-- Parameters: campaign_id
-- Grain: one row, none where the campaign was deleted.
select status = 'closing' as may_go_on
from campaigns
where campaign_id = %(campaign_id)s
