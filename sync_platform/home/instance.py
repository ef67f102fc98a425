"""The Dagster instance: its folder, its storage in Postgres, and keeping that storage small.

Here belongs what must be so before any Dagster process starts; nothing of Dagster is imported. Dagster's
tables stand in the database of everything else, in a schema of their own. The file names the password by
environment variable only.
"""

import os
import sys
from pathlib import Path
from typing import Never

from sync_platform.settings import Settings, load_settings
from sync_platform.vocabulary import SyncPlatformError, UsageError
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.failures import classifying
from sync_platform.warehouse.statements import statement

SCHEMA = "dagster"
STORAGE_URL_VARIABLE = "SYNC_PLATFORM_DAGSTER_URL"
CODE_LOCATION = "sync_platform"
DEFINITIONS_MODULE = "sync_platform.definitions"
EVENTS_KEPT_DAYS = 30

_FIRST_LINE = "# Written by sync-platform at every start. Remove this line to keep your own changes.\n"
# The pools need free_slots_after_run_end_seconds, or cancelled runs hold their slots for ever. A run that
# was killed before it started is found by start_timeout_seconds.
_DAGSTER_YAML = f"""\
{_FIRST_LINE}\
storage:
  postgres:
    postgres_url:
      env: {STORAGE_URL_VARIABLE}
compute_logs:
  module: dagster.core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config:
    base_dir: {{compute_logs}}
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  cancel_timeout_seconds: 60
  poll_interval_seconds: 60
  free_slots_after_run_end_seconds: 60
concurrency:
  runs:
    max_concurrent_runs: 4
  pools:
    granularity: run
retention:
  schedule:
    purge_after_days: {EVENTS_KEPT_DAYS}
  sensor:
    purge_after_days:
      skipped: 2
      started: 2
      success: {EVENTS_KEPT_DAYS}
      failure: {EVENTS_KEPT_DAYS}
freshness:
  enabled: true
telemetry:
  enabled: false
nux:
  enabled: false
"""


def prepare_instance(settings: Settings, address: DatabaseAddress) -> None:
    """Make the instance ready and point this process, and the children that it starts, at it.

    Creates the schema `dagster` and `dagster.yaml`, and sets DAGSTER_HOME and the storage's variable. A rerun
    writes the file again, but for one whose first line says that it is somebody's own.

    Raises:
        PermanentError: the user may not create the schema (not retryable).
    """
    _create_schema(address)
    home = settings.dagster_home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = home / "dagster.yaml"
    if not file.exists() or file.read_text(encoding="utf-8").startswith(_FIRST_LINE):
        file.write_text(_dagster_yaml(home), encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ[STORAGE_URL_VARIABLE] = address.with_search_path(SCHEMA).sqlalchemy_url()


def purge_event_log(address: DatabaseAddress) -> int:
    """Delete what is older than 30 days from Dagster's event log, but outcomes, and count it.

    Grain: one event. Before Dagster has made its tables there is nothing to delete.

    Raises:
        RetryableError: the database was lost; the next purge deletes the rest.
    """
    with connect(address, autocommit=True) as connection, classifying("purging Dagster's event log"):
        if connection.execute("select to_regclass('dagster.event_logs')").fetchone() == (None,):
            return 0
        purge = statement("instance/purge_event_log")
        return connection.execute(purge, {"keep_days": EVENTS_KEPT_DAYS}).rowcount


def _create_schema(address: DatabaseAddress) -> None:
    # Looked up first, because `if not exists` asks for the privilege even where there is nothing to create.
    with connect(address, autocommit=True) as connection, classifying(f"creating the schema {SCHEMA}"):
        if connection.execute("select to_regnamespace(%s)", [SCHEMA]).fetchone() == (None,):
            connection.execute(f"create schema if not exists {SCHEMA}")


def _dagster_yaml(home: Path) -> str:
    quoted = str(home / "compute_logs").replace("'", "''")
    return _DAGSTER_YAML.format(compute_logs=f"'{quoted}'")


def main() -> Never:
    """Prepare the instance on `DATABASE_URL`, then become the command that follows.

    For webserver and daemon under a service manager of your own; `sync-platform up` does not need it.
    """
    try:
        if len(sys.argv) == 1:
            raise UsageError(
                "Name the command to run: python -m sync_platform.home.instance dagster-daemon run ..."
            )
        settings = load_settings()
        if settings.database_url is None:
            raise UsageError(
                "DATABASE_URL is not set. Set it, or run `sync-platform up` for the embedded one."
            )
        prepare_instance(settings, DatabaseAddress.parse(settings.database_url.get_secret_value()))
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the point is to become that process
    except (SyncPlatformError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)


if __name__ == "__main__":
    main()
