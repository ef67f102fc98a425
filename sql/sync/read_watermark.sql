-- Purpose: read a watermark.
-- Parameters: key
-- Grain: at most one row: value.
select value
from sync_metadata
where key = %(key)s
