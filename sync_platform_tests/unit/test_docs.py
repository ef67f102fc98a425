"""What the documents promise about the YAML exists, and their links lead somewhere."""

import re
from pathlib import Path

import pytest
from dagster_shared.yaml_utils import safe_load_yaml
from pydantic import BaseModel

from sync_platform.api.spec import PaginationSpec, RateLimitSpec, RequestSpec, ResponseAction
from sync_platform.pull.spec import (
    ApiSyncSpec,
    ColumnSpec,
    DeletedSpec,
    FieldSpec,
    IncrementalSpec,
    TargetSpec,
)
from sync_platform.push.spec import ApiPushSpec
from sync_platform.workflow.spec import WorkflowSpec
from sync_platform_tests.workflow_sql import statements_in

ROOT = Path(__file__).parents[2]
GRAMMAR = ROOT / "docs" / "api-sync.md"
DOCUMENTS = sorted(
    path
    for folder, pattern in (("", "*.md"), ("docs", "**/*.md"), ("examples", "**/*.md"), ("deploy", "**/*.md"))
    for path in (ROOT / folder).glob(pattern)
)
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
SPECS: dict[str, type[BaseModel]] = {
    "sync_platform.components.ApiSync": ApiSyncSpec,
    "sync_platform.components.ApiPush": ApiPushSpec,
    "sync_platform.components.Workflow": WorkflowSpec,
}
PARTS = (
    ApiSyncSpec,
    IncrementalSpec,
    FieldSpec,
    ColumnSpec,
    DeletedSpec,
    TargetSpec,
    RequestSpec,
    PaginationSpec,
    RateLimitSpec,
    ResponseAction,
)


def _sources() -> list[tuple[str, str]]:
    return [(path.name, text) for path in DOCUMENTS for text in YAML.findall(path.read_text())]


@pytest.mark.parametrize(("name", "text"), _sources())
def test_every_source_in_the_documents_is_valid(name: str, text: str, tmp_path: Path) -> None:
    del name  # it only says which document a failure belongs to
    source = safe_load_yaml(text)
    (tmp_path / "invoices").symlink_to(ROOT / "examples" / "overdue_invoices" / "sql" / "invoices")

    with statements_in(tmp_path):
        SPECS[source["type"]].model_validate(source["attributes"])


def test_every_word_of_the_grammar_is_explained() -> None:
    text = GRAMMAR.read_text()

    words = {field.alias or name for part in PARTS for name, field in part.model_fields.items()}

    assert sorted(word for word in words if not re.search(rf"\b{word}\b", text)) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_in_the_documents_leads_somewhere(path: Path) -> None:
    targets = LINK.findall(path.read_text())

    assert [target for target in targets if not (path.parent / target).exists()] == []
