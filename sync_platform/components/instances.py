"""What stands in `defs/`: the tree of component instances, found wherever the package is installed.

Here belongs finding them; the code location and the CLI both ask here.
"""

from importlib import import_module
from pathlib import Path

import dagster as dg

_DEFS_MODULE = "sync_platform.defs"


def component_tree() -> dg.ComponentTree:
    """Find the instances in `defs/`.

    By module, not by `pyproject.toml`: an installed wheel has none.
    """
    defs = import_module(_DEFS_MODULE)
    return dg.ComponentTree.from_module(defs_module=defs, project_root=Path(__file__).parents[2])
