"""What the loader of definitions says of a `defs.yaml`, as a reader of the file sees it."""

import re
from pathlib import Path

import dagster as dg
from dagster.components.testing import create_defs_folder_sandbox


def refusal_of(component: type[dg.Component], text: str) -> str:
    """What the loader says of a file, without the folder that holds it; empty where it accepts it."""
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(component_cls=component, defs_path=Path("an_instance"))
        (folder / "defs.yaml").write_text(text)
        try:
            with sandbox.load_component_and_build_defs(defs_path=folder):
                return ""
        except Exception as error:  # noqa: BLE001 -- whatever kind Dagster chooses: a person reads its text
            said, cause = str(error), error.__cause__
            while cause is not None:
                said, cause = f"{said}\n{cause}", cause.__cause__
            return re.sub(r"at \S*/defs\.yaml", "at defs.yaml", said)
