"""What a newcomer sees: a real `up`, its Dagster UI in the system's Chromium.

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

pytestmark = pytest.mark.browser

IMAGES = Path(__file__).parents[2] / "docs" / "images"
ASSETS = ("external_users_pages", "normalized_users", "users", "users_sync_metadata")
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


@pytest.fixture(scope="module")
def chromium() -> str:
    """The path of the system's Chromium."""
    found = [path for name in CHROMIUM_NAMES if (path := shutil.which(name))]
    found += [MACOS_CHROME] if Path(MACOS_CHROME).exists() else []
    if not found:
        pytest.skip(f"no Chromium is installed (looked for {', '.join(CHROMIUM_NAMES)})")
    return found[0]


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running `sync-platform up` after its first sync, by the URL of its UI."""
    home = tmp_path_factory.mktemp("up")
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


@pytest.fixture(scope="module")
def page(chromium: str, ui: str) -> Iterator[Page]:
    """One browser tab on the UI; without a Chromium, nothing is started."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_OPTIONS))
        tab = browser.new_page(base_url=ui, viewport={"width": 1280, "height": 720})
        tab.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield tab
        browser.close()


def test_the_lineage_shows_the_four_assets_of_the_sync(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 460})
    page.goto("/locations/sync_platform/asset-groups/users_sync/lineage")

    for name in ASSETS:
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.get_by_text("1 / 1 Passed")).to_be_visible()
    keep_screenshot(page, "lineage")


def test_a_materialization_of_users_shows_the_whole_account(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 1080})
    page.goto("/assets/users?view=events")

    expect(page.get_by_text(re.compile("materialized in run")).first).to_be_visible()
    for term in ("seen", "inserted", "unchanged", "quarantined", "accounted for"):
        expect(page.get_by_text(term, exact=True).first).to_be_visible()


def test_the_log_shows_status_account_and_watermark(page: Page) -> None:
    page.goto("/assets/users_sync_metadata?view=events")

    for term in ("records_processed", "completed", "accounted for", "watermark"):
        expect(page.get_by_text(term, exact=True).first).to_be_visible()
    keep_screenshot(page, "account")


def test_the_numbers_of_a_sync_are_plotted(page: Page) -> None:
    page.goto("/assets/users?view=overview")
    page.get_by_role("button", name="Plots").click()

    for number in ("inserted", "unchanged_share", "seconds"):
        expect(page.get_by_text(number, exact=True).first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()


def test_the_table_names_its_columns_schedule_and_freshness(page: Page) -> None:
    page.goto("/assets/users?view=overview")

    for text in ("source_updated_at", "Every hour", "Freshness policy", "users_sync_job"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()


def test_the_check_says_that_the_books_balance(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto("/assets/users?view=checks")

    expect(page.get_by_text("users_account_balances").first).to_be_visible()
    expect(page.get_by_text("Passed", exact=True).first).to_be_visible()
    keep_screenshot(page, "check")


def keep_screenshot(page: Page, name: str) -> None:
    """Keep what the page shows now, where that was asked for."""
    if os.environ.get("UPDATE_SCREENSHOTS"):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


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
