-- Purpose: write the value of a variable.
-- Parameters: workflow, key, name, origin, value
-- Grain: one row a (workflow, key, name, origin). Rerun: replaces it.
insert into workflow_variables (workflow, key, name, origin, value)
values (%(workflow)s, %(key)s, %(name)s, %(origin)s, %(value)s)
on conflict (workflow, key, name, origin) do update
    set value = excluded.value
