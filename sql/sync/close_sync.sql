-- Purpose: record how a sync ended.
-- Parameters: sync_id, status, completed_at, duration_seconds, watermark_before, watermark_after,
-- newest_change_at (RFC 3339 texts or null)
-- Grain: the sync's row. Rerun: the same.
update sync_logs
set
    status = %(status)s,
    completed_at = %(completed_at)s,
    duration_seconds = %(duration_seconds)s,
    watermark_before = %(watermark_before)s,
    watermark_after = %(watermark_after)s,
    newest_source_updated_at = %(newest_change_at)s
where
    sync_id = %(sync_id)s
    and status = 'running'
