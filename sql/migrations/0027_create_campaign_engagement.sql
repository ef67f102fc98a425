-- campaign_engagement: what customers did with a campaign. Grain: one row an event; events have no key.
-- List-partitioned by campaign: a launch opens the campaign's partition, its end detaches or drops it, and
-- what comes before or after goes to the default partition, so that no event is ever refused.
create table campaign_engagement (
    campaign_id text not null,
    customer_id text not null,
    event text not null,
    occurred_at timestamptz not null,
    value numeric
) partition by list (campaign_id);

create table campaign_engagement_default partition of campaign_engagement default;

create index campaign_engagement_campaign_idx on campaign_engagement (campaign_id, occurred_at);

-- The name of a campaign's partition. It carries a hash of the id, because an id may hold anything and be
-- longer than an identifier.
create function campaign_engagement_partition(of_campaign text) returns text
language sql immutable strict
return 'campaign_engagement_' || left(encode(sha256(convert_to(of_campaign, 'UTF8')), 'hex'), 32);

-- Whether the campaign's partition takes its events now.
create function is_campaign_engagement_open(of_campaign text) returns boolean
language sql stable strict
return exists (
    select 1 from pg_inherits
    where
        inhrelid = to_regclass(campaign_engagement_partition(of_campaign))
        and inhparent = 'campaign_engagement'::regclass
);

-- Open a campaign's partition and return its name; events that came early move into it. Attaching locks the
-- default partition for as long as it is scanned, so it waits for others 5 s at most. Again changes nothing.
create function open_campaign_engagement(of_campaign text) returns text
language plpgsql
as $$
declare
    partition_name text := campaign_engagement_partition(of_campaign);
begin
    perform set_config('lock_timeout', '5s', true);
    perform pg_advisory_xact_lock(hashtextextended(partition_name, 0));
    if is_campaign_engagement_open(of_campaign) then
        return partition_name;
    end if;
    execute format('create table if not exists %I (like campaign_engagement including all)', partition_name);
    lock table campaign_engagement_default in access exclusive mode;
    execute format(
        'with early as (delete from campaign_engagement_default where campaign_id = $1 returning *) '
        'insert into %I (campaign_id, customer_id, event, occurred_at, value) '
        'select campaign_id, customer_id, event, occurred_at, value from early',
        partition_name
    ) using of_campaign;
    execute format(
        'alter table campaign_engagement attach partition %I for values in (%L)', partition_name, of_campaign
    );
    return partition_name;
end
$$;
