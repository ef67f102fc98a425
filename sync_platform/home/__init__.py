"""What lives in SYNC_PLATFORM_HOME: the database to use, the Dagster instance, the note of a running `up`."""
