-- Purpose: a campaign is closed. What its launch did not do stays told in failure; what a close did not do at
-- first is done now.
-- Parameters: campaign_id
-- Grain: the campaign's row. Rerun: nothing changes.
update campaigns
set
    status = 'closed',
    failure = case when published_at is null then failure end
where
    campaign_id = %(campaign_id)s
    and status = 'closing'
