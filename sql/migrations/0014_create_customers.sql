-- customers: whom we know, for pushes and campaigns. Grain: one row a user; key customer_id.
create view customers as
select
    external_id as customer_id,
    email,
    name,
    status,
    updated_at
from users;
