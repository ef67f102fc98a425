"""The code location: what stands in `defs/`, bound to its resources. Nothing else belongs here."""

import warnings

import dagster as dg

from sync_platform.components.instances import component_tree
from sync_platform.resources import default_resources


def build_defs(**overrides: object) -> dg.Definitions:
    """Assemble the code location.

    Args:
        overrides: resources by key, in place of the real ones.
    """
    bound = dg.Definitions(
        resources={**default_resources(), **overrides},
        executor=dg.in_process_executor,
    )
    with warnings.catch_warnings():
        # The lock file pins the version whose beta features were tested; readers of the log need no warning.
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.Definitions.merge(component_tree().build_defs(), bound)


defs = build_defs()
