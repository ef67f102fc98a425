-- Create this session's function that runs statements all or nothing and returns the error of a row, if it
-- is one: SQLSTATE class 22 or 23, or a key too long for an index (54000). Any other error is raised.
-- Parameters: statements is a JSON array of statements with $1 to $6, whose values follow: provenance,
-- synced_at, loaded_at, sync_id, and the positions of a part, from (inclusive) until (exclusive).
-- Returns one row; state is null when all went well. The function ends with its session.
create function pg_temp.attempt(
    statements text,
    provenance text,
    synced_at text,
    loaded_at timestamptz,
    sync_id bigint,
    position_from bigint,
    position_until bigint
) returns table (state text, constraint_name text, column_name text)
language plpgsql
as $$
declare
    written text;
begin
    for written in select jsonb_array_elements_text(statements::jsonb) loop
        execute written using provenance, synced_at, loaded_at, sync_id, position_from, position_until;
    end loop;
    return query select null::text, null::text, null::text;
exception
    when data_exception or integrity_constraint_violation or program_limit_exceeded then
        get stacked diagnostics
            state = returned_sqlstate, constraint_name = constraint_name, column_name = column_name;
        return next;
end
$$;
