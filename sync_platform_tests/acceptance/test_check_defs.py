"""`dg` on a project with sources of its own: what an engineer sees who writes a `defs.yaml`."""

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
type: sync_platform.components.ApiSync
attributes:
  source: orders
  base_url: "${SHOP_URL}"
  request: {path: /orders, params: {page: "{page}", limit: "{page_size}"}}
  pagination: {type: page, total: total}
  columns: {external_id: CAST(id AS VARCHAR), email: lower(email)}
  target: {table: orders, key: external_id}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "shop"
    (package / "defs" / "orders").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (package / "__init__.py").touch()
    (package / "defs" / "__init__.py").touch()
    (package / "definitions.py").write_text(DEFINITIONS)
    (package / "defs" / "orders" / "defs.yaml").write_text(ORDERS)
    return tmp_path


def dg(project: Path, *arguments: str) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("dg")), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(project), "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def change(project: Path, old: str, new: str) -> None:
    file = project / "shop" / "defs" / "orders" / "defs.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_source_without_any_variable_set_is_accepted(project: Path) -> None:
    code, said = dg(project, "check", "defs")
    assert code == 0, said


def test_a_wrong_word_is_refused_with_file_line_field_and_what_is_allowed(project: Path) -> None:
    change(project, "target: {", "tarjet: {")
    code, said = dg(project, "check", "defs")
    assert code == 1
    assert "defs.yaml:8" in said
    assert "attributes.tarjet" in said
    assert "'tarjet' is not one of ['auth', 'base_url'" in said


def test_a_nested_wrong_word_and_value_are_refused_with_line_field_and_what_is_allowed(project: Path) -> None:
    change(project, "  target: {", "  incremental: {field: updated_at, lagg_s: 1}\n  target: {")
    change(project, "email: lower(email)", "email: {sql: lower(email), type: string}")
    code, said = dg(project, "check", "defs")
    assert code == 1
    assert "defs.yaml:8" in said
    assert "`lagg_s` is no word here; did you mean `lag_s`? Allowed: field, format" in said
    assert "defs.yaml:7" in said
    assert "'text', 'bigint'" in said


def test_a_scaffolded_source_is_accepted_as_it_stands(project: Path) -> None:
    code, said = dg(project, "scaffold", "defs", "sync_platform.components.ApiSync", "customers")
    assert code == 0, said
    code, said = dg(project, "check", "defs")
    assert code == 0, said
    code, said = dg(project, "list", "defs", "--json")
    assert code == 0, said
    assert "customers_sync_job" in said


CONTACTS = """\
type: sync_platform.components.ApiPush
attributes:
  source: push/customers
  key: customer_id
  request: {url: "${CRM_URL}", jsn: {id: "{customer_id}"}}
  pace: {waits: 4}
"""


def test_a_push_is_refused_with_file_line_field_and_what_is_allowed(project: Path) -> None:
    (project / "shop" / "defs" / "contacts").mkdir()
    (project / "shop" / "defs" / "contacts" / "defs.yaml").write_text(CONTACTS)
    code, said = dg(project, "check", "defs")
    assert code == 1
    assert "contacts/defs.yaml:5" in said
    assert "'jsn' is not one of ['headers', 'json', 'method', 'params', 'url']" in said
    assert "contacts/defs.yaml:6" in said
    assert "attributes.pace" in said
