-- Purpose: three campaigns for a first look, on the embedded Postgres only: one due now, one whose end has
-- passed, with what its customers did, and one in the future.
-- Parameters: now
-- Grain: one row a campaign, and the events of the expired one. Rerun: those that are there stay as they are.
with examples (
    campaign_id, name, starts_in, ends_in, status, audience, banner, message, attempts
) as (
    values
    (
        'spring-sale', 'Spring sale', interval '0', interval '10 minutes', 'scheduled', 'trial_customers',
        '{"title": "Spring is here"}'::jsonb, '{"subject": "A fifth off until tonight"}'::jsonb, 0
    ),
    (
        'winter-farewell', 'Winter farewell', interval '-14 days', interval '-1 hour', 'live',
        'trial_customers', '{"title": "Goodbye, winter"}', '{"subject": "Last call"}', 1
    ),
    (
        'summer-preview', 'Summer preview', interval '1 day', interval '8 days', 'scheduled',
        'all_customers', '{"title": "Summer, first look"}', '{"subject": "You are early"}', 0
    )
),

planned as (
    insert into campaigns (
        campaign_id, name, starts_at, ends_at, status, audience, banner, message, attempts, published_at
    )
    select
        examples.campaign_id,
        examples.name,
        %(now)s + examples.starts_in as starts_at,
        %(now)s + examples.ends_in as ends_at,
        examples.status,
        examples.audience,
        examples.banner,
        examples.message,
        examples.attempts,
        case when examples.status = 'live' then %(now)s + examples.starts_in end as published_at
    from examples
    on conflict (campaign_id) do nothing
    returning campaign_id, starts_at
),

ranked as (
    select
        customers.customer_id,
        row_number() over (order by customers.customer_id) as place
    from customers
),

habits (event, every) as (
    values ('view', 1), ('click', 3), ('order', 10)
)

insert into campaign_engagement (campaign_id, customer_id, event, occurred_at, value)
select
    planned.campaign_id,
    ranked.customer_id,
    habits.event,
    planned.starts_at + interval '3 hours' * ranked.place as occurred_at,
    case when habits.event = 'order' then 20 + mod(ranked.place, 7) end as value
from planned
inner join ranked on ranked.place <= 100
inner join habits on mod(ranked.place, habits.every) = 0
where planned.campaign_id = 'winter-farewell'
