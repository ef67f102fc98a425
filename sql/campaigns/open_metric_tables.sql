-- Purpose: open the campaign's partition of campaign_engagement; the asset campaign_metric_tables.
-- Parameters: campaign_id
-- Grain: one row, the partition's name. Rerun: nothing changes.
select open_campaign_engagement(%(campaign_id)s) as partition_name
