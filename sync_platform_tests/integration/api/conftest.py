"""The scripted server, one a test."""

from collections.abc import Iterator

import pytest

from sync_platform_tests.scripted_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running
