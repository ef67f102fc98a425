"""The written reference is what the schema says now, and its recipes are files that load."""

import re
from pathlib import Path
from typing import get_args

import pytest
from dagster_shared.yaml_utils import safe_load_yaml

from sync_platform.api.spec import PaginationType
from sync_platform.components.api_sync.attributes import ApiSyncAttributes
from sync_platform.components.api_sync.reference import RECIPES, reference
from sync_platform.pull.normalize import column_types

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"```yaml\n(.*?)```", RECIPES.read_text(), re.DOTALL)


def test_the_reference_in_docs_is_fresh() -> None:
    written = (ROOT / "docs" / "api-sync.md").read_text()
    command = "python -m sync_platform.components.api_sync.reference > docs/api-sync.md"
    assert written == reference(), f"run `{command}`"


def test_every_word_says_what_it_means() -> None:
    assert not re.findall(r"^\| `\w+` \|  \|.*$", reference(), re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_recipe_is_a_file_that_loads(block: str) -> None:
    spec = ApiSyncAttributes.model_validate(safe_load_yaml(block)["attributes"])
    assert column_types(spec)


def test_there_is_a_recipe_for_every_pagination() -> None:
    shown = {safe_load_yaml(block)["attributes"]["pagination"]["type"] for block in BLOCKS}
    assert shown == set(get_args(PaginationType))


def test_the_examples_that_the_recipes_name_are_there() -> None:
    links = re.findall(r"\]\(\.\./(examples/[^)]*)\)", RECIPES.read_text())
    assert links
    assert all((ROOT / link).exists() for link in links)
