import json
import logging

import pytest

from sync_platform.alerts import send_alert
from sync_platform_tests.scripted_server import ScriptedServer, status


def test_an_alert_reaches_a_receiver_with_title_and_body() -> None:
    with ScriptedServer() as server:
        server.script("/hook", status(200))
        assert send_alert([f"json://127.0.0.1:{server.port}/hook"], "Sync failed", "401 from the API")
        [request] = server.requests_to("/hook")
    told = json.loads(request.body)
    assert (told["title"], told["message"]) == ("Sync failed", "401 from the API")


def test_one_text_may_name_several_receivers() -> None:
    with ScriptedServer() as server:
        server.script("/a", status(200))
        server.script("/b", status(200))
        base = f"json://127.0.0.1:{server.port}"
        assert send_alert([f"{base}/a, {base}/b"], "t", "b")
        assert {request.path for request in server.requests} == {"/a", "/b"}


def test_nobody_to_tell_is_no_failure() -> None:
    assert send_alert([], "t", "b")


@pytest.mark.parametrize("url", ["nonsense", "json://user:hidden@127.0.0.1:9/hook"])
def test_an_alert_that_fails_is_logged_without_its_url(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="sync_platform"):
        assert not send_alert([url], "t", "b")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("sync_platform")]
    assert len(ours) == 1
    assert "ALERT_URLS" in ours[0]
    assert "hidden" not in ours[0]
