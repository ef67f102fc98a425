"""What the documents promise about the YAML exists, and their links lead somewhere."""

import re
from pathlib import Path

import pytest
from dagster_shared.yaml_utils import safe_load_yaml

from sync_platform.api.spec import PaginationSpec, RateLimitSpec, RequestSpec, ResponseAction
from sync_platform.pull.spec import (
    ApiSyncSpec,
    ColumnSpec,
    DeletedSpec,
    FieldSpec,
    IncrementalSpec,
    TargetSpec,
)

ROOT = Path(__file__).parents[2]
GRAMMAR = ROOT / "docs" / "api-sync.md"
DOCUMENTS = sorted(
    path
    for folder, pattern in (("", "*.md"), ("docs", "**/*.md"), ("examples", "**/*.md"), ("deploy", "**/*.md"))
    for path in (ROOT / folder).glob(pattern)
)
YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
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
def test_every_source_in_the_documents_is_valid(name: str, text: str) -> None:
    del name  # it only says which document a failure belongs to
    source = safe_load_yaml(text)

    assert source["type"] == "sync_platform.components.ApiSync"
    ApiSyncSpec.model_validate(source["attributes"])


def test_every_word_of_the_grammar_is_explained() -> None:
    text = GRAMMAR.read_text()

    words = {field.alias or name for part in PARTS for name, field in part.model_fields.items()}

    assert sorted(word for word in words if not re.search(rf"\b{word}\b", text)) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_in_the_documents_leads_somewhere(path: Path) -> None:
    targets = LINK.findall(path.read_text())

    assert [target for target in targets if not (path.parent / target).exists()] == []
