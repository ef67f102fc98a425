import re
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox
from dagster_shared.yaml_utils import safe_load_yaml

from sync_platform.components import ApiPush
from sync_platform.components.api_push.assets import pace_in_words
from sync_platform.components.api_push.attributes import ApiPushAttributes
from sync_platform.components.api_push.names import PushNames, push_name_of
from sync_platform.components.api_push.reference import RECIPES, reference
from sync_platform.resources import default_resources
from sync_platform_tests.unit.components.push.pushes import push_spec

ROOT = Path(__file__).parents[4]
BLOCKS = re.findall(r"```yaml\n(type:.*?)```", RECIPES.read_text(), re.DOTALL)


def definitions_of(component: ApiPush) -> dg.Definitions:
    alone = component.build_defs(dg.ComponentTree.for_test().load_context)
    return dg.Definitions.merge(alone, dg.Definitions(resources=default_resources()))


@pytest.fixture
def customers() -> dg.Definitions:
    return definitions_of(ApiPush(push_spec(), "customer_push"))


def test_the_shipped_push_gives_the_names_of_the_contract(customers: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in customers.resolve_all_asset_keys()}
    assert keys == {"users", "customers", "customer_deliveries"}
    assert {job.name for job in customers.jobs or ()} == {"customer_push_job", "customer_push_replay_job"}
    [check] = customers.resolve_assets_def("customer_deliveries").check_specs
    assert (check.name, check.blocking) == ("customer_deliveries_account_balances", True)


def test_the_assets_stand_behind_what_the_query_reads(customers: dg.Definitions) -> None:
    for upstream, downstream in (("users", "customers"), ("customers", "customer_deliveries")):
        [spec] = customers.resolve_assets_def(downstream).specs
        assert [dep.asset_key.to_user_string() for dep in spec.deps] == [upstream]
        assert spec.description
        assert spec.kinds
        assert spec.tags["push"] == "customer_push"


def test_the_shipped_push_is_the_seed_started_by_hand_with_4_s_in_between(customers: dg.Definitions) -> None:
    spec = push_spec()
    assert not customers.schedules
    assert spec.pace.wait_s == 4
    assert spec.request.method == "POST"
    assert spec.request.json_body == {
        "id": "{customer_id}",
        "email": "{email}",
        "name": "{name}",
        "status": "{status}",
    }


def test_a_schedule_starts_the_job_in_the_platforms_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_PLATFORM_TIMEZONE", "Europe/Berlin")
    spec = push_spec(schedule={"cron": "0 6 * * *", "status": "stopped"})
    [schedule] = definitions_of(ApiPush(spec, "customer_push")).schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert (schedule.name, schedule.job_name) == ("customer_push_schedule", "customer_push_job")
    assert schedule.execution_timezone == "Europe/Berlin"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize(
    ("folder", "words", "names"),
    [
        ("customer_push", {}, ("customer_push", "customers", "customer_deliveries")),
        ("CRM-Push", {"source_asset": "contacts"}, ("crm_push", "contacts", "crm_deliveries")),
        (
            "anything",
            {"name": "mails", "deliveries_asset": "sent_mails"},
            ("mails", "customers", "sent_mails"),
        ),
    ],
)
def test_names_come_from_yaml_folder_and_query(
    folder: str, words: dict[str, str], names: tuple[str, str, str]
) -> None:
    found = PushNames.of(push_spec(**words), folder)
    assert (found.push, found.source, found.deliveries) == names


@pytest.mark.parametrize(("folder", "name"), [("2024-Push", "push"), ("...", "api_push"), ("a.b", "a_b")])
def test_any_folder_gives_a_name(folder: str, name: str) -> None:
    assert push_name_of(folder) == name


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        ({}, "the next one 4 s after each answer"),
        ({"wait_s": 0.5}, "the next one 0.5 s after each answer"),
        ({"wait_s": 0}, "as fast as the receiver answers"),
        ({"max_requests_per_s": 20}, "at most 20 a second"),
    ],
)
def test_the_ui_says_the_pace(pace: dict[str, float], said: str) -> None:
    assert pace_in_words(push_spec(pace=pace)) == said


def test_no_variable_is_looked_up_when_definitions_load(
    customers: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUSTOMER_PUSH_URL", raising=False)
    [spec] = customers.resolve_assets_def("customer_deliveries").specs
    assert spec.metadata["receiver"] == "POST ${CUSTOMER_PUSH_URL}"


def test_the_scaffolded_file_loads_as_it_stands() -> None:
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(component_cls=ApiPush, defs_path=Path("crm_push"))
        with sandbox.load_component_and_build_defs(defs_path=folder) as (component, definitions):
            assert isinstance(component, ApiPush)
            assert component.names == ("crm_push_rows", "crm_push", "crm_push")
            assert "crm_push_job" in {job.name for job in definitions.jobs or ()}
        text = (folder / "defs.yaml").read_text(encoding="utf-8")
        assert text.count("#") > 8
        assert '"{customer_id}"' in text
        assert "${CUSTOMER_PUSH_URL}" in text


def test_the_reference_in_docs_is_fresh() -> None:
    written = (ROOT / "docs" / "push.md").read_text()
    command = "python -m sync_platform.components.api_push.reference > docs/push.md"
    assert written == reference(), f"run `{command}`"


def test_every_word_says_what_it_means() -> None:
    assert not re.findall(r"^\| `\w+` \|  \|.*$", reference(), re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_recipe_is_a_file_that_loads(block: str) -> None:
    attributes = safe_load_yaml(block)["attributes"]
    assert ApiPushAttributes.model_validate({**attributes, "source": "push/customers"})
