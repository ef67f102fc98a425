-- Purpose: make room for the rows of a push before they are merged.
-- Grain: one row a selected customer; lives as long as the session.
create temporary table push_staged (
    position bigint not null,
    customer_id text not null,
    payload json not null,
    request json,
    payload_hash text not null
)
