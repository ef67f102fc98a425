-- Purpose: write the account of a push as far as it is known.
-- Parameters: push_id, requests and every term of the account
-- Grain: the push's row. Rerun: the same.
update push_logs
set
    selected = %(selected)s,
    delivered = %(delivered)s,
    already_delivered = %(already_delivered)s,
    suppressed = %(suppressed)s,
    dead = %(dead)s,
    in_doubt = %(in_doubt)s,
    planned = %(planned)s,
    requests = %(requests)s,
    after_each_pending = %(after_each_pending)s
where
    push_id = %(push_id)s
    and status = 'running'
