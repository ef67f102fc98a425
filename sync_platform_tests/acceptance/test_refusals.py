"""What `dg check defs` itself says of wrong files; a unit test proves the loader, rule by rule."""

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
root_module = "crm"
registry_modules = ["sync_platform.components"]
"""
EXAMPLES = Path(__file__).parents[2] / "examples"
THINGS = """\
type: sync_platform.components.ApiSync
attributes:
  source: things
  base_url: "${API_URL}"
  request: {path: /things, params: {after: "{cursor}"}}
  pagination: {type: cursor, next: next}
  columns: {id: id, name: lower(name)}
  target: {table: things, key: id}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "crm"
    (package / "defs").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (package / "__init__.py").touch()
    (package / "defs" / "__init__.py").touch()
    (package / "definitions.py").write_text(DEFINITIONS)
    return tmp_path


def check_defs(project: Path, **files: str) -> tuple[int, str]:
    """Run `dg check defs` over these instances."""
    for name, text in files.items():
        folder = project / "crm" / "defs" / name
        folder.mkdir(exist_ok=True)
        (folder / "defs.yaml").write_text(text)
    command = [str(Path(sys.executable).with_name("dg")), "check", "defs"]
    environment = {**os.environ, "PYTHONPATH": str(project), "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_everything_that_is_wrong_in_a_file_is_said_at_once_with_file_line_field_and_what_is_allowed(
    project: Path,
) -> None:
    wrong = (
        THINGS.replace("{cursor}", "{cursr}").replace(", next: next", "").replace("lower(name)", "lower(name")
    )
    code, said = check_defs(project, things=wrong)
    assert code == 1
    for field, line, allowed in (
        ("request.params", 5, "did you mean {cursor}? Allowed: {since}, {until}, {page}"),
        ("pagination", 6, "type cursor needs `next`, a PATH"),
        ("columns.name", 7, "no SQL expression"),
    ):
        assert f"attributes.{field} at " in said
        assert f"things/defs.yaml:{line}" in said
        assert allowed in said


def test_words_that_do_not_fit_together_are_refused_where_they_stand(project: Path) -> None:
    code, said = check_defs(project, things=f"{THINGS}  max_concurrent_pages: 4\n")
    assert code == 1
    assert "attributes.max_concurrent_pages at " in said
    assert "things/defs.yaml:9" in said
    assert "`page` and `offset` with an exact total" in said


def test_the_examples_are_accepted_side_by_side_without_any_variable_set(project: Path) -> None:
    files = {file.parent.name: file.read_text() for file in EXAMPLES.glob("*/defs.yaml")}
    mine = {name: text for name, text in files.items() if "sync_platform.components.ApiSync" in text}
    assert {"github_users", "stripe_customers", "hubspot_contacts", "shopify_customers"} <= set(mine)
    code, said = check_defs(project, **mine)
    assert code == 0, said
