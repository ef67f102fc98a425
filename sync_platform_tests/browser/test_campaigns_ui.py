"""One campaign from due to closed, as the UI shows it while sensors and daemon of a real `up` do the work."""

import time
from pathlib import Path
from typing import LiteralString

import pytest
from playwright.sync_api import Page, expect

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform.warehouse.embedded import EmbeddedPostgres
from sync_platform_tests.browser.screenshots import keep_screenshot

pytestmark = pytest.mark.browser

KEY = "autumn-fair"
# A sensor looks every 30 s, a run starts within some seconds more, and this one sends 100 at 20 a second.
PATIENCE_S = 120
LAUNCH_STEPS = (
    "campaign_metric_tables",
    "landing_page_banners",
    "dependent_services",
    "campaign_cache",
    "campaign_notifications",
)


def execute(home: Path, query: LiteralString) -> None:
    with connect(address_in(home)) as connection:
        connection.execute(query)


def address_in(home: Path) -> DatabaseAddress:
    address = EmbeddedPostgres(home / "state").running_address()
    assert address is not None
    return address


def wait_for_status(home: Path, status: str) -> None:
    """Wait until the campaign has come so far; an open page does not show new partitions."""
    deadline_s = time.monotonic() + PATIENCE_S
    with connect(address_in(home), autocommit=True) as watcher:
        while watcher.execute("select status from campaigns where campaign_id = %s", [KEY]).fetchone() != (
            status,
        ):
            assert time.monotonic() < deadline_s, f"{KEY} did not become {status}"
            watcher.execute("select pg_sleep(0.2)")


def open_partition(page: Page, asset: str) -> None:
    """Open the campaign's partition of an asset, which is materialized."""
    page.goto(f"/assets/{asset}?view=partitions&partition={KEY}")
    expect(page.get_by_text("Materialized", exact=True).first).to_be_visible()


def test_the_steps_of_a_launch_stand_behind_customers_in_the_lineage(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 600})
    page.goto("/locations/sync_platform/asset-groups/campaign_launch/lineage")

    for name in ("customers", *LAUNCH_STEPS):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.get_by_text("Loading...")).to_have_count(0)
    keep_screenshot(page, "campaign-lineage")


def test_a_due_campaign_becomes_a_partition_whose_steps_and_account_are_shown(page: Page, home: Path) -> None:
    execute(home, "insert into customer_suppressions values ('1', 'unsubscribed', null)")
    execute(
        home,
        "insert into campaigns (campaign_id, name, starts_at, ends_at, status, audience)"
        " values ('autumn-fair', 'Autumn', now(), now() + interval '1 h', 'scheduled', 'trial_customers')",
    )
    page.set_viewport_size({"width": 1280, "height": 1130})

    wait_for_status(home, "live")
    open_partition(page, "campaign_notifications")

    for term in ("audience", "notified", "suppressed", "dead", "in_doubt", "planned"):
        expect(page.get_by_text(term, exact=True).first).to_be_visible()
    for step in LAUNCH_STEPS:
        expect(page.get_by_role("cell", name=step, exact=True)).to_be_visible()
    keep_screenshot(page, "campaign-launch")


def test_at_its_end_it_is_counted_and_closed(page: Page, home: Path) -> None:
    execute(
        home,
        "insert into campaign_engagement"
        " select 'autumn-fair', customer_id, 'view', now(), null from customers limit 60",
    )
    execute(home, "update campaigns set ends_at = now() where campaign_id = 'autumn-fair'")
    page.set_viewport_size({"width": 1280, "height": 1000})

    wait_for_status(home, "closed")
    open_partition(page, "campaign_metrics")

    for term in ("notified", "events", "views", "orders", "late_events"):
        expect(page.get_by_text(term, exact=True).first).to_be_visible()
    keep_screenshot(page, "campaign-metrics")
    open_partition(page, "campaign_cleanup")


def test_metrics_are_plotted_from_campaign_to_campaign(page: Page) -> None:
    page.goto("/assets/campaign_metrics?view=overview")
    page.get_by_role("button", name="Plots").click()

    for number in ("events", "customers", "notified"):
        expect(page.get_by_text(number, exact=True).first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()


def test_sensors_and_the_schedule_are_on_and_can_be_switched_off(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto("/automation")

    for name in ("active_campaign_sensor", "expired_campaign_sensor", "campaign_launch_schedule"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    keep_screenshot(page, "campaign-automation")
    page.goto("/locations/sync_platform/sensors/active_campaign_sensor")
    switch = page.get_by_role("checkbox").first
    expect(switch).to_be_checked()
    # The box itself is hidden behind its picture.
    switch.dispatch_event("click")
    expect(switch).not_to_be_checked()
    switch.dispatch_event("click")
    expect(switch).to_be_checked()
