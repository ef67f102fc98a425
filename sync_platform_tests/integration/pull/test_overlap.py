"""Cursors: one request in flight, and a page is landed while the source works on the next one."""

import threading
from pathlib import Path

from sync_platform.pull.progress import ProgressEvent, listen
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.fake_list_api import page_of
from sync_platform_tests.pulling import Pulling, spec_of
from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, ScriptedServer

PAGES = 4


def test_a_page_is_landed_while_the_next_one_is_asked_for(database: DatabaseAddress, tmp_path: Path) -> None:
    arrived = [threading.Event() for _ in range(PAGES)]

    def answer(request: RecordedRequest) -> ScriptedReply:
        number = int(request.param("after") or 0)
        arrived[number].set()
        return page_of({"id": number, "name": "n"}, next=number + 1 if number + 1 < PAGES else None)

    overlapped: list[bool] = []

    def landed(event: ProgressEvent) -> None:
        if event.step == "read" and event.batch_num < PAGES:
            # The source has been asked for the next page before this one counts as landed.
            overlapped.append(arrived[event.batch_num].wait(5))

    spec = spec_of(
        request={"path": "/things", "params": {"after": "{cursor}"}},
        pagination={"type": "cursor", "next": "next"},
        batch_size=1,
    )
    with ScriptedServer() as server, listen(landed):
        server.script("/things", answer)
        row = Pulling(spec, database, tmp_path, {"API_URL": server.url}).sync()
        assert server.max_in_flight == 1
    assert overlapped == [True] * (PAGES - 1)
    assert (row["inserted"], row["pages"], row["proof"]) == (PAGES, PAGES, "end_signal")
