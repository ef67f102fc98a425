-- Purpose: tell which syncs still have entries in the queue, so that their landed files are kept: a batch is
-- loaded from them, and a page asked again belongs to the window that they tell.
-- Parameters: source
-- Grain: one row a sync.
select distinct sync_id
from sync_retry_queue
where
    source = %(source)s
    and status in ('pending', 'running')
