-- campaign_metrics: what came of a campaign, written when it is closed. Grain: one row a campaign; key
-- campaign_id. events counts all that campaign_engagement held, customers the different ones among them,
-- by_event is {event: count}, value the sum. notified counts the delivered notifications. default_events of
-- the events stood in the default partition; whatever stands there beyond them came late.
create table campaign_metrics (
    campaign_id text primary key,
    notified bigint not null,
    events bigint not null,
    customers bigint not null,
    by_event jsonb not null,
    value numeric not null,
    first_event_at timestamptz,
    last_event_at timestamptz,
    default_events bigint not null,
    aggregated_at timestamptz not null
);

-- campaign_results: the metrics with what came after the end. Grain: one row a closed campaign.
create view campaign_results as
select
    campaign_metrics.campaign_id,
    campaign_metrics.notified,
    campaign_metrics.events,
    campaign_metrics.customers,
    campaign_metrics.by_event,
    campaign_metrics.value,
    campaign_metrics.first_event_at,
    campaign_metrics.last_event_at,
    campaign_metrics.aggregated_at,
    (
        select count(*) - campaign_metrics.default_events
        from campaign_engagement_default as late
        where late.campaign_id = campaign_metrics.campaign_id
    ) as late_events
from campaign_metrics;

-- Aggregate a campaign's events into its one row. Again, as long as its partition is open, counts anew; after
-- that the row stays as it is, so that nothing is counted twice and nothing is lost.
create function aggregate_campaign_engagement(of_campaign text) returns void
language plpgsql
as $$
begin
    if not is_campaign_engagement_open(of_campaign)
        and exists (select 1 from campaign_metrics where campaign_id = of_campaign) then
        return;
    end if;
    insert into campaign_metrics (
        campaign_id, notified, events, customers, by_event, value,
        first_event_at, last_event_at, default_events, aggregated_at
    )
    select
        of_campaign,
        (
            select count(*) from push_deliveries
            where target = 'campaign_launch.campaign_notifications:' || of_campaign and status = 'delivered'
        ),
        count(*),
        count(distinct customer_id),
        coalesce(
            (
                select jsonb_object_agg(counted.event, counted.events)
                from (
                    select event, count(*) as events from campaign_engagement
                    where campaign_id = of_campaign group by event
                ) as counted
            ),
            '{}'
        ),
        coalesce(sum(value), 0),
        min(occurred_at),
        max(occurred_at),
        count(*) filter (where tableoid = 'campaign_engagement_default'::regclass),
        now()
    from campaign_engagement
    where campaign_id = of_campaign
    on conflict (campaign_id) do update set
        notified = excluded.notified,
        events = excluded.events,
        customers = excluded.customers,
        by_event = excluded.by_event,
        value = excluded.value,
        first_event_at = excluded.first_event_at,
        last_event_at = excluded.last_event_at,
        default_events = excluded.default_events,
        aggregated_at = excluded.aggregated_at;
end
$$;

-- Detach a campaign's partition, or drop it with its events, and return its name; null where there is nothing
-- to do any more. What came since the metrics were written is counted first, while nobody can write. Writers
-- in the middle of a transaction are waited for, 5 s at most; nobody is made to fail.
create function close_campaign_engagement(of_campaign text, with_events boolean) returns text
language plpgsql
as $$
declare
    partition_name text := campaign_engagement_partition(of_campaign);
begin
    perform set_config('lock_timeout', '5s', true);
    perform pg_advisory_xact_lock(hashtextextended(partition_name, 0));
    if is_campaign_engagement_open(of_campaign) then
        -- The parent first, in the order in which a writer locks them, so that no writer is in a deadlock.
        lock table campaign_engagement in access exclusive mode;
        perform aggregate_campaign_engagement(of_campaign);
        execute format('alter table campaign_engagement detach partition %I', partition_name);
    elsif not with_events or to_regclass(partition_name) is null then
        return null;
    end if;
    if with_events then
        execute format('drop table %I', partition_name);
    end if;
    return partition_name;
end
$$;
