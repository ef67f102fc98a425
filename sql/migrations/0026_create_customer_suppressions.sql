-- customer_suppressions: who must not be told of anything, and why. Grain: one row a customer and reason; it
-- holds until `until`, or for ever where that is null. Looked at again right before each notification.
create table customer_suppressions (
    customer_id text not null,
    reason text not null,
    until timestamptz,
    primary key (customer_id, reason)
);
