-- sandbox_services: plays the databases of the services that depend on campaigns: the product detail pages
-- (PDP) and the customers' service. Whoever has real ones names them in sql/campaigns/dependent_services.sql.
-- The schema is looked for first, because `if not exists` asks for the privilege even where it is there.
do $$
begin
    if to_regnamespace('sandbox_services') is null then
        create schema sandbox_services;
    end if;
end
$$;

-- What product pages promote now. Grain: one row a campaign.
create table if not exists sandbox_services.pdp_promotions (
    campaign_id text primary key,
    title text not null,
    banner jsonb not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    is_active boolean not null,
    updated_at timestamptz not null
);

-- Which campaign is for which audience. Grain: one row a campaign.
create table if not exists sandbox_services.customer_promotions (
    campaign_id text primary key,
    audience text not null,
    is_active boolean not null,
    updated_at timestamptz not null
);
