"""Writes `docs/push.md`: the recipes, then every word of the component's schema.

Run `python -m sync_platform.components.api_push.reference > docs/push.md` after a change of the grammar: a
test fails until then. The recipes stand in `recipes.md` beside this file.
"""

import sys
from pathlib import Path

from sync_platform.components.reference import written_reference
from sync_platform.push.spec import ApiPushSpec

RECIPES = Path(__file__).with_name("recipes.md")
_PARTS = {
    "request": ("PushRequestSpec",),
    "auth": ("BearerAuth", "HeaderAuth", "QueryAuth", "BasicAuth", "OAuth2Auth", "NoAuth"),
    "sign": ("SignSpec",),
    "pace": ("PaceSpec",),
    "retries": ("RetrySpec",),
    "success": ("SuccessSpec",),
    "after_each": ("AfterEachSpec",),
    "breaker": ("BreakerSpec",),
    "schedule": ("PushScheduleSpec",),
}


def reference() -> str:
    """The whole text of the reference."""
    return written_reference(ApiPushSpec, RECIPES, _PARTS)


if __name__ == "__main__":
    sys.stdout.write(reference())
