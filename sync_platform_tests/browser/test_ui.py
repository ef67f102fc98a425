"""What a newcomer sees of a sync: a real `up`, its Dagster UI in the system's Chromium."""

import re

import pytest
from playwright.sync_api import Page, expect

from sync_platform_tests.browser.screenshots import keep_screenshot

pytestmark = pytest.mark.browser

ASSETS = ("external_users_pages", "normalized_users", "users", "users_sync_metadata")


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
