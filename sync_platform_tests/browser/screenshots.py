"""Pictures for the documents, kept where that was asked for: `UPDATE_SCREENSHOTS=1`."""

import os
from pathlib import Path

from playwright.sync_api import Page

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def keep_screenshot(page: Page, name: str) -> None:
    """Keep what the page shows now, where that was asked for."""
    if os.environ.get("UPDATE_SCREENSHOTS"):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
