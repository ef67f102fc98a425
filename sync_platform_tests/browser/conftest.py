"""One running `up` and one browser tab on its UI, for all tests of this room.

`UPDATE_SCREENSHOTS=1` keeps what was seen under `docs/images/`.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from sync_platform.warehouse.server_place import ServerPlace
from sync_platform_tests.postgres import NEWEST

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MACOS_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
# No sandbox, because Chromium refuses its own one to root; the rest keeps it off the network.
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000
STOP_TIMEOUT_S = 20


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium."""
    found = [path for name in CHROMIUM_NAMES if (path := shutil.which(name))]
    found += [MACOS_CHROME] if Path(MACOS_CHROME).exists() else []
    if not found:
        pytest.skip(f"no Chromium is installed (looked for {', '.join(CHROMIUM_NAMES)})")
    return found[0]


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `up` runs; its SYNC_PLATFORM_HOME is `state` in it."""
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="package")
def ui(home: Path) -> Iterator[str]:
    """A running `sync-platform up` after its first sync, by the URL of its UI."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "SYNC_PLATFORM_HOME": str(home / "state"),
        "SYNC_PLATFORM_PORT": str(_free_port()),
    }
    command = (sys.executable, "-m", "sync_platform.cli", "up")
    with subprocess.Popen(command, cwd=home, env=environment, stderr=subprocess.PIPE, text=True) as up:
        try:
            yield _url_in(up)
        finally:
            up.send_signal(signal.SIGINT)
            up.communicate(timeout=STOP_TIMEOUT_S)
            # As root the server lives outside of pytest's private folder, and would stay there.
            if place := ServerPlace.find(home / "state", NEWEST):
                shutil.rmtree(place.folder)


@pytest.fixture(scope="package")
def page(chromium: str, ui: str) -> Iterator[Page]:
    """One browser tab on the UI; without a Chromium, nothing is started.

    It ends with this folder: while playwright lives, no other test can run an event loop.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_OPTIONS))
        tab = browser.new_page(base_url=ui, viewport={"width": 1280, "height": 720})
        tab.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield tab
        browser.close()


def _url_in(up: "subprocess.Popen[str]") -> str:
    """Read what `up` says until it names the UI."""
    assert up.stderr is not None
    said = []
    for line in up.stderr:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(f"up ended before the UI was served: {''.join(said)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
