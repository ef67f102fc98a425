"""What a newcomer sees of a push: the account of the customers that `up` sent to the sandbox."""

import re

import pytest
from playwright.sync_api import Page, expect

from sync_platform_tests.browser.screenshots import keep_screenshot

pytestmark = pytest.mark.browser


def test_customers_and_deliveries_stand_behind_users_in_the_lineage(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 560})
    page.goto("/locations/sync_platform/asset-groups/customer_push/lineage")

    for name in ("users", "customers", "customer_deliveries"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.get_by_text("1 / 1 Passed").first).to_be_visible()
    keep_screenshot(page, "push-lineage")


def test_a_push_shows_its_account_rate_and_terms(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 1080})
    page.goto("/assets/customer_deliveries?view=events")

    expect(page.get_by_text(re.compile("Materialized in run")).first).to_be_visible()
    for term in ("selected", "delivered", "dead", "in_doubt", "rate_per_s", "accounted for"):
        expect(page.get_by_text(term, exact=True).first).to_be_visible()
    keep_screenshot(page, "push-account")


def test_delivered_dead_and_in_doubt_are_plotted(page: Page) -> None:
    page.goto("/assets/customer_deliveries?view=overview")
    page.get_by_role("button", name="Plots").click()

    for number in ("delivered", "dead", "in_doubt", "rate_per_s"):
        expect(page.get_by_text(number, exact=True).first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()


def test_the_query_shows_rows_columns_and_its_file(page: Page) -> None:
    page.goto("/assets/customers?view=overview")

    for text in ("customer_id", "email", "sql/push/customers.sql", "customer_push_job"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()


def test_the_job_is_launched_by_hand_from_its_launchpad(page: Page) -> None:
    page.goto("/locations/sync_platform/jobs/customer_push_job/playground")

    expect(page.get_by_role("button", name="customer_deliveries").first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Launch Run")).first).to_be_visible()
