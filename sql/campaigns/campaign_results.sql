-- Purpose: what came of a campaign, for the asset campaign_metrics in the UI.
-- Parameters: key
-- Grain: one row, or none before it is closed.
select
    notified,
    events,
    customers,
    coalesce((by_event ->> 'view')::bigint, 0) as views,
    coalesce((by_event ->> 'click')::bigint, 0) as clicks,
    coalesce((by_event ->> 'order')::bigint, 0) as orders,
    value,
    by_event,
    first_event_at,
    last_event_at,
    late_events
from campaign_results
where campaign_id = %(key)s
