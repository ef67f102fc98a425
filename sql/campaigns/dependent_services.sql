-- Purpose: tell the product pages and the customers' service of a campaign; the asset dependent_services.
-- Parameters: campaign_id, name, banner, starts_at, ends_at, audience
-- Grain: one row a campaign in each of the two. Rerun: the same rows. Yours go here in their place.
with promoted as (
    insert into sandbox_services.pdp_promotions (
        campaign_id, title, banner, starts_at, ends_at, is_active, updated_at
    )
    values (
        %(campaign_id)s, %(name)s, %(banner)s, %(starts_at)s, %(ends_at)s, true, now()
    )
    on conflict (campaign_id) do update
        set
            title = excluded.title,
            banner = excluded.banner,
            starts_at = excluded.starts_at,
            ends_at = excluded.ends_at,
            is_active = true,
            updated_at = excluded.updated_at
    returning campaign_id
)

insert into sandbox_services.customer_promotions (campaign_id, audience, is_active, updated_at)
values (%(campaign_id)s, %(audience)s, true, now())
on conflict (campaign_id) do update set
    audience = excluded.audience,
    is_active = true,
    updated_at = excluded.updated_at
