-- Purpose: take a campaign out of the dependent services and detach its partition of campaign_engagement, or
-- drop it; the asset campaign_cleanup.
-- Parameters: campaign_id, drop_engagement (true: the events are deleted, the metrics stay)
-- Grain: one row, the partition's name, or null where there is nothing to do any more.
with product_pages as (
    update sandbox_services.pdp_promotions
    set is_active = false, updated_at = now()
    where campaign_id = %(campaign_id)s
),

customers_service as (
    update sandbox_services.customer_promotions
    set is_active = false, updated_at = now()
    where campaign_id = %(campaign_id)s
)

select close_campaign_engagement(%(campaign_id)s, %(drop_engagement)s) as partition_name
