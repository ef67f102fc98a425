-- Purpose: count what came of a campaign, exactly once; the asset campaign_metrics.
-- Parameters: campaign_id
-- Grain: one row of campaign_metrics a campaign. Rerun: counted anew, never added, as long as the partition
-- is open.
select aggregate_campaign_engagement(%(campaign_id)s) as aggregated
