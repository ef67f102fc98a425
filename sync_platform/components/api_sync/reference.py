"""Writes `docs/api-sync.md`: the recipes, then every word of the component's schema.

Run `python -m sync_platform.components.api_sync.reference > docs/api-sync.md` after a change of the grammar:
a test fails until then. The recipes stand in `recipes.md` beside this file.
"""

import sys
from pathlib import Path

from sync_platform.components.reference import written_reference
from sync_platform.pull.spec import ApiSyncSpec

RECIPES = Path(__file__).with_name("recipes.md")
_PARTS = {
    "auth": ("BearerAuth", "HeaderAuth", "QueryAuth", "BasicAuth", "OAuth2Auth", "NoAuth"),
    "request": ("RequestSpec",),
    "pagination": ("PaginationSpec",),
    "total": ("TotalSpec", "TotalRequestSpec"),
    "incremental": ("IncrementalSpec",),
    "fields": ("FieldSpec",),
    "columns": ("ColumnSpec",),
    "deleted": ("DeletedSpec",),
    "response_actions": ("ResponseAction",),
    "rate_limit": ("RateLimitSpec",),
    "retries": ("RetrySpec",),
    "target": ("TargetSpec",),
    "schedule": ("ScheduleSpec",),
}


def reference() -> str:
    """The whole text of the reference."""
    return written_reference(ApiSyncSpec, RECIPES, _PARTS)


if __name__ == "__main__":
    sys.stdout.write(reference())
