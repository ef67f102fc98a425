"""What `up` runs once: every sync, then a quick look at every push, then every workflow."""

from pathlib import Path

from sync_platform.cli.flows import flows

SYNC = "type: sync_platform.components.ApiSync\n"
PUSH = 'type: sync_platform.components.ApiPush\nattributes: {request: {url: "${MY_URL}"}}\n'
WORKFLOW = "type: sync_platform.components.Workflow\n"


def folder_of(defs: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (defs / name).mkdir(parents=True)
        (defs / name / "defs.yaml").write_text(text)
    return defs


def test_syncs_come_before_pushes_and_pushes_before_workflows(tmp_path: Path) -> None:
    defs = folder_of(
        tmp_path, a_flow=WORKFLOW, b_push=PUSH, c_sync=SYNC, d_sync=SYNC, other="type: shop.Component\n"
    )
    assert [flow.folder for flow in flows((), defs)] == ["c_sync", "d_sync", "b_push", "a_flow"]


def test_a_push_to_the_sandbox_is_quick_and_says_so(tmp_path: Path) -> None:
    [flow] = flows({"MY_URL"}, folder_of(tmp_path, my_push=PUSH))
    assert flow.arguments == ("push", "my_push", "--limit", "200", "--max-requests-per-s", "50")
    assert "200 to the sandbox, at 50 a second" in (flow.said or "")


def test_a_push_to_somebodys_own_receiver_keeps_its_pace_and_sends_a_few(tmp_path: Path) -> None:
    [flow] = flows({"CUSTOMER_PUSH_URL"}, folder_of(tmp_path, my_push=PUSH))
    assert flow.arguments == ("push", "my_push", "--limit", "5")
    assert "own pace" in (flow.said or "")


def test_the_shipped_instances_are_found() -> None:
    found = {flow.folder: flow.arguments[0] for flow in flows(())}
    assert found["users_sync"] == "sync"
    assert found["customer_push"] == "push"
