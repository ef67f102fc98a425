"""`dg` on a project with a workflow: what an engineer sees who writes its `defs.yaml`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEFINITIONS = """\
from pathlib import Path
import dagster as dg
from sync_platform.resources import default_resources

defs = dg.Definitions.merge(
    dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
    dg.Definitions(resources=default_resources()),
)
"""
PROJECT = """\
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "shop"
registry_modules = ["sync_platform.components"]
"""
ORDERS = """\
type: sync_platform.components.Workflow
attributes:
  trigger: {sql: workflow/scaffold_due, columns: [item_id, title]}
  steps:
    - name: first
      sql: workflow/scaffold_step
    - name: second
      http: {method: POST, url: "https://shop.example.com/{title}"}
      after: [first]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "shop"
    (package / "defs" / "orders").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (package / "__init__.py").touch()
    (package / "defs" / "__init__.py").touch()
    (package / "definitions.py").write_text(DEFINITIONS)
    return tmp_path


def dg(project: Path, *arguments: str) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("dg")), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(project), "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("scaffold_step\n", "scaffold_step\n      after: [second]\n", 7, "first after second after first"),
        ("after: [first]", "after: [frist]", 9, "`frist`, which is no step: first, second"),
        ("{title}", "{tytle}", 8, "`tytle` comes from nowhere"),
        ("after: [first]", "aftr: [first]", 9, "aftr"),
    ],
    ids=["a cycle", "an unknown step", "a missing variable", "an unknown word"],
)
def test_a_mistake_is_refused_with_file_and_line(
    project: Path, *, old: str, new: str, line: int, said: str
) -> None:
    file = project / "shop" / "defs" / "orders" / "defs.yaml"
    file.write_text(ORDERS.replace(old, new))

    code, output = dg(project, "check", "defs")

    assert code != 0
    assert said in output
    assert f"{file}:{line}" in output


def test_a_scaffolded_workflow_loads_as_it_stands(project: Path) -> None:
    code, output = dg(project, "scaffold", "defs", "sync_platform.components.Workflow", "order_reminder")
    assert code == 0, output

    code, output = dg(project, "check", "defs")

    assert code == 0, output
