"""A campaign from due to closed, through real sensors and real runs; the clock is the test's."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import httpx
import pytest
from psycopg.types.json import Jsonb

from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect
from sync_platform_tests.acceptance.users_api import told
from sync_platform_tests.acceptance.workflows import (
    DEFS,
    Clock,
    Systems,
    Workflows,
    code_location,
    loaded,
)
from sync_platform_tests.scripted_server import ScriptedServer

LAUNCH_STEPS = (
    "campaign_metric_tables",
    "landing_page_banners",
    "dependent_services",
    "campaign_cache",
    "campaign_notifications",
)
CLOSE_STEPS = ("campaign_metrics", "banner_removal", "notification_removal", "campaign_cleanup")
LAUNCH, CLOSE = "active_campaign_sensor", "expired_campaign_sensor"
NIGHTLY = "campaign_launch_schedule"


@pytest.fixture
def campaigns(database: DatabaseAddress, instance: dg.DagsterInstance) -> "Campaigns":
    clock = Clock()
    both = [loaded(DEFS / name, clock) for name in ("campaign_launch", "campaign_close")]
    found = Campaigns(code_location(both), instance, database, clock)
    found.invite(1, 3)
    return found


class Campaigns(Workflows):
    """The two shipped workflows."""

    def invite(self, first: int, last: int) -> None:
        self.rows(
            "insert into users select n::text, n || '@example.com', 'Any', 'active', '{}', now(), now(), 1"
            " from generate_series(%s::int, %s::int) as n",
            first,
            last,
        )

    def plan(self, campaign_id: str, *, starts_in: float = 0, ends_in: float = 3600, **columns: Any) -> None:
        self.rows(
            "insert into campaigns (campaign_id, name, starts_at, ends_at, status, banner, message, audience)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s)",
            campaign_id,
            f"Campaign {campaign_id}",
            self.clock() + timedelta(seconds=starts_in),
            self.clock() + timedelta(seconds=ends_in),
            columns.get("status", "scheduled"),
            Jsonb(columns.get("banner", {"title": campaign_id})),
            Jsonb({"subject": "Hello"}),
            columns.get("audience", "all_customers"),
        )

    def campaign(self, campaign_id: str) -> dict[str, Any]:
        [row] = self.rows("select * from campaigns where campaign_id = %s", campaign_id)
        return row

    def status(self, campaign_id: str) -> str:
        return str(self.campaign(campaign_id)["status"])

    def pause_after(self, campaign_id: str, target: str, count: int) -> None:
        """Press the kill switch as soon as so many of a bulk send are delivered."""
        with connect(self.database, autocommit=True) as watcher:
            for _ in range(3000):
                row = watcher.execute(
                    "select count(*) from push_deliveries where target = %s and status = 'delivered'",
                    [target],
                ).fetchone()
                if row is not None and row[0] >= count:
                    self.set(campaign_id, "paused")
                    return
                watcher.execute("select pg_sleep(0.01)")
        raise AssertionError(f"{target} did not come to {count} deliveries")

    def post_due(self, campaign_id: str, customer_id: str, systems: Systems) -> None:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        httpx.post(
            f"{systems.environment['CAMPAIGN_NOTIFY_URL']}/notifications",
            json={"campaign_id": campaign_id, "customer_id": customer_id, "send_at": tomorrow},
            trust_env=False,
        ).raise_for_status()

    def set(self, campaign_id: str, status: str) -> None:
        self.rows("update campaigns set status = %s where campaign_id = %s", status, campaign_id)


def test_a_due_campaign_is_launched_and_every_step_is_shown(campaigns: Campaigns, systems: Systems) -> None:
    campaigns.plan("spring")

    [result] = campaigns.tick(LAUNCH)

    assert result.success
    shown = campaigns.materialized(result)
    assert set(shown) == set(LAUNCH_STEPS)
    assert {one.partition for one in shown.values()} == {"spring"}
    assert campaigns.status("spring") == "live"
    assert campaigns.campaign("spring")["published_at"] is not None
    assert systems.banner("spring") == {"banner": {"title": "spring"}, "puts": 1}
    assert [page["customer_id"] for page in systems.pages("spring")] == ["1", "2", "3"]
    sent = systems.notifications("spring")
    assert [(one["customer_id"], one["message"], one["copies"]) for one in sent] == [
        (customer_id, {"subject": "Hello"}, 1) for customer_id in ("1", "2", "3")
    ]
    [promoted] = campaigns.rows("select campaign_id, title, is_active from sandbox_services.pdp_promotions")
    assert promoted == {"campaign_id": "spring", "title": "Campaign spring", "is_active": True}


def test_a_notification_step_shows_an_account_that_adds_up(campaigns: Campaigns, systems: Systems) -> None:
    campaigns.plan("account")
    campaigns.rows("insert into customer_suppressions values ('2', 'unsubscribed', null)")

    [result] = campaigns.tick(LAUNCH)

    metadata = campaigns.materialized(result)["campaign_notifications"].metadata
    terms = ("audience", "notified", "suppressed", "dead", "in_doubt", "planned")
    assert [metadata[term].value for term in terms] == [3, 2, 1, 0, 0, 0]
    assert "| campaign_cache | succeeded |" in str(metadata["steps"].value)
    assert [one["customer_id"] for one in systems.notifications("account")] == ["1", "3"]


def test_nothing_runs_before_its_time_and_nothing_runs_twice(campaigns: Campaigns, systems: Systems) -> None:
    campaigns.plan("later", starts_in=60)
    assert campaigns.tick(LAUNCH) == []

    campaigns.clock.forward(seconds=60)
    assert len(campaigns.tick(LAUNCH)) == 1
    assert campaigns.tick(LAUNCH) == []
    assert campaigns.launch("campaign_launch_job", "later").success

    assert {one["copies"] for one in systems.notifications("later")} == {1}
    assert campaigns.state("campaign_launch", "later")["attempt"] == 1


def test_all_that_is_due_after_hours_of_downtime_is_launched(campaigns: Campaigns) -> None:
    for number in range(3):
        campaigns.plan(f"slept-{number}", starts_in=60 * number, ends_in=86400)
    campaigns.clock.forward(hours=9)

    assert [result.success for result in campaigns.tick(LAUNCH)] == [True] * 3
    assert {campaigns.status(f"slept-{number}") for number in range(3)} == {"live"}


def test_what_ended_before_it_could_launch_is_failed_as_missed_and_told_once(
    campaigns: Campaigns, systems: Systems, people: ScriptedServer
) -> None:
    campaigns.plan("missed", ends_in=60)
    campaigns.clock.forward(hours=9)

    [result] = campaigns.tick(LAUNCH)
    again = campaigns.tick(LAUNCH) + campaigns.tick(CLOSE)

    assert not result.success
    assert again == []
    assert (campaigns.status("missed"), campaigns.campaign("missed")["failure"]) == ("failed", "missed")
    assert told(people.requests_to("/alerts")) == ["Campaign missed could not be launched"]
    assert systems.banner("missed") is None


def test_with_the_other_late_policy_it_is_launched_and_then_closed(
    campaigns: Campaigns, systems: Systems
) -> None:
    trigger = loaded(DEFS / "campaign_launch", campaigns.clock).spec.trigger.model_dump(by_alias=True)
    late = trigger | {"late": {"column": "is_missed", "policy": "launch"}}
    launch = loaded(DEFS / "campaign_launch", campaigns.clock, trigger=late)
    close = loaded(DEFS / "campaign_close", campaigns.clock)
    campaigns.definitions = code_location([launch, close])
    campaigns.plan("late", ends_in=60)
    campaigns.clock.forward(hours=9)

    assert [result.success for result in campaigns.tick(LAUNCH)] == [True]
    assert len(systems.notifications("late")) == 3
    assert [result.success for result in campaigns.tick(CLOSE)] == [True]
    assert campaigns.status("late") == "closed"


def test_the_nightly_schedule_launches_what_begins_at_midnight(campaigns: Campaigns) -> None:
    campaigns.plan("midnight", starts_in=1800)

    assert campaigns.tick(LAUNCH) == []
    [result] = campaigns.tick(NIGHTLY)

    assert result.success
    assert campaigns.status("midnight") == "live"


def test_sensor_and_schedule_that_fire_together_are_two_runs_of_which_one_works(
    campaigns: Campaigns, systems: Systems
) -> None:
    campaigns.plan("both")
    requests = [*campaigns.requests(LAUNCH), *campaigns.requests(NIGHTLY)]
    assert len(requests) == 2

    results = [campaigns.run("campaign_launch_job", request) for request in requests]

    assert [result.success for result in results] == [True, True]
    assert {one["copies"] for one in systems.notifications("both")} == {1}
    assert campaigns.state("campaign_launch", "both")["attempt"] == 1


def test_a_failed_step_is_written_down_told_once_and_tried_again_for_what_is_left(
    campaigns: Campaigns, systems: Systems, people: ScriptedServer
) -> None:
    campaigns.plan("stumbling")
    systems.break_down("cache", status=404, times=1000)

    [failed] = campaigns.tick(LAUNCH)
    row = campaigns.campaign("stumbling")
    systems.break_down("cache", times=0)
    too_early = campaigns.tick(LAUNCH)
    campaigns.clock.forward(seconds=300)
    [mended] = campaigns.tick(LAUNCH)

    assert not failed.success
    assert set(campaigns.materialized(failed)) == set(LAUNCH_STEPS[:3])
    assert row["status"] == "failed"
    assert row["failure"].startswith("campaign_cache: ")
    assert row["next_attempt_at"] == campaigns.clock()
    assert told(people.requests_to("/alerts")) == ["Campaign stumbling could not be launched"]
    assert too_early == []
    assert mended.success
    assert set(campaigns.materialized(mended)) == set(LAUNCH_STEPS)
    assert (campaigns.status("stumbling"), campaigns.campaign("stumbling")["failure"]) == ("live", None)
    assert systems.banner("stumbling")["puts"] == 1
    assert {one["copies"] for one in systems.notifications("stumbling")} == {1}


def test_a_campaign_that_failed_for_good_waits_for_a_hand(campaigns: Campaigns, systems: Systems) -> None:
    campaigns.plan("hopeless")
    systems.break_down("cms", status=404, times=1000)
    for _ in range(3):
        assert [result.success for result in campaigns.tick(LAUNCH)] == [False]
        campaigns.clock.forward(seconds=300)

    row = campaigns.campaign("hopeless")
    assert (row["status"], row["attempts"], row["next_attempt_at"]) == ("failed", 3, None)
    assert campaigns.tick(LAUNCH) == []

    systems.break_down("cms", times=0)
    assert campaigns.launch("campaign_launch_job", "hopeless").success
    assert campaigns.status("hopeless") == "live"


def test_a_pause_in_the_middle_of_a_send_stops_it_and_nobody_is_told_twice(
    campaigns: Campaigns, systems: Systems
) -> None:
    campaigns.invite(4, 63)
    campaigns.plan("halted")
    target = "campaign_launch.campaign_notifications:halted"
    switch = threading.Thread(target=campaigns.pause_after, args=("halted", target, 5))
    switch.start()
    [result] = campaigns.tick(LAUNCH)
    switch.join(60)

    assert result.success
    reached = len(systems.notifications("halted"))
    assert 5 <= reached < 63
    assert campaigns.status("halted") == "paused"
    assert campaigns.tick(LAUNCH) == []

    campaigns.set("halted", "scheduled")
    [resumed] = campaigns.tick(LAUNCH)

    assert resumed.success
    assert campaigns.status("halted") == "live"
    assert [one["copies"] for one in systems.notifications("halted")] == [1] * 63


def test_an_ended_campaign_is_counted_taken_down_and_closed(campaigns: Campaigns, systems: Systems) -> None:
    campaigns.plan("over", ends_in=3600)
    campaigns.tick(LAUNCH)
    campaigns.rows("insert into campaign_engagement values ('over', '1', 'click', now(), 12.5)")
    assert campaigns.tick(CLOSE) == []
    campaigns.clock.forward(seconds=3600)

    [result] = campaigns.tick(CLOSE)

    assert result.success
    shown = campaigns.materialized(result)
    assert set(shown) == set(CLOSE_STEPS)
    figures = shown["campaign_metrics"].metadata
    assert (figures["notified"].value, figures["clicks"].value, figures["value"].value) == (3, 1, 12.5)
    assert campaigns.status("over") == "closed"
    assert systems.banner("over") is None
    [promoted] = campaigns.rows("select is_active from sandbox_services.pdp_promotions")
    assert promoted == {"is_active": False}
    assert campaigns.tick(CLOSE) + campaigns.tick(LAUNCH) == []


def test_due_notifications_are_withdrawn_at_the_end(campaigns: Campaigns, systems: Systems) -> None:
    campaigns.plan("withdrawn", ends_in=60)
    campaigns.tick(LAUNCH)
    campaigns.post_due("withdrawn", "99", systems)
    campaigns.clock.forward(seconds=60)

    campaigns.tick(CLOSE)

    assert [one["customer_id"] for one in systems.notifications("withdrawn")] == ["1", "2", "3"]


def test_a_launch_that_never_succeeded_is_taken_down_when_it_ends(
    campaigns: Campaigns, systems: Systems
) -> None:
    campaigns.plan("halfway", ends_in=60)
    systems.break_down("cache", status=404, times=1000)
    campaigns.tick(LAUNCH)
    systems.break_down("cache", times=0)
    assert systems.banner("halfway") is not None
    campaigns.clock.forward(seconds=60)

    [result] = campaigns.tick(CLOSE)

    assert result.success
    assert systems.banner("halfway") is None
    row = campaigns.campaign("halfway")
    assert row["status"] == "closed"
    assert row["failure"].startswith("campaign_cache: ")


@pytest.mark.parametrize("step", ["deleted before the launch", "a draft"])
def test_what_nobody_scheduled_is_not_launched(campaigns: Campaigns, systems: Systems, step: str) -> None:
    campaigns.plan("nothing", status="draft" if step == "a draft" else "scheduled")
    requests = campaigns.requests(LAUNCH)
    if step == "deleted before the launch":
        campaigns.rows("delete from campaigns where campaign_id = 'nothing'")

    results = [campaigns.run("campaign_launch_job", request) for request in requests]

    assert [result.success for result in results] == [False] * len(requests)
    assert systems.banner("nothing") is None


def test_a_key_that_nobody_knows_is_refused(campaigns: Campaigns) -> None:
    result = campaigns.launch("campaign_launch_job", "no-such")

    [event] = [event for event in result.all_events if event.is_step_failure]
    described = event.step_failure_data.user_failure_data
    assert described is not None
    assert described.description is not None
    assert "no-such is unknown" in described.description


def test_an_audience_that_is_no_file_fails_that_campaign_alone(campaigns: Campaigns) -> None:
    campaigns.plan("wrong", audience="nobody_wrote_it")
    campaigns.plan("right")

    results = {one.dagster_run.tags["dagster/partition"]: one.success for one in campaigns.tick(LAUNCH)}

    assert results == {"wrong": False, "right": True}
    assert "nobody_wrote_it" in campaigns.campaign("wrong")["failure"]


def test_a_run_that_is_on_its_way_is_not_requested_again(campaigns: Campaigns) -> None:
    campaigns.plan("queued")
    [request] = campaigns.requests(LAUNCH)
    job = campaigns.definitions.resolve_job_def("campaign_launch_job")
    run = campaigns.instance.create_run_for_job(job, tags={"dagster/partition": "queued"})

    assert campaigns.requests(LAUNCH) == []
    campaigns.instance.report_run_failed(run)
    [again] = campaigns.requests(LAUNCH)
    assert again.run_key != request.run_key


def test_one_step_can_be_materialized_alone_and_the_rest_follows(
    campaigns: Campaigns, systems: Systems
) -> None:
    campaigns.plan("alone")
    campaigns.instance.add_dynamic_partitions("campaigns", ["alone"])
    job = campaigns.definitions.resolve_implicit_global_asset_job_def()

    alone = job.execute_in_process(
        instance=campaigns.instance,
        partition_key="alone",
        asset_selection=[dg.AssetKey("campaign_metric_tables")],
        raise_on_error=False,
    )

    assert alone.success
    assert set(campaigns.materialized(alone)) == {"campaign_metric_tables"}
    assert systems.banner("alone") is None
    [rest] = campaigns.tick(LAUNCH)
    assert rest.success
    assert campaigns.status("alone") == "live"


def test_backfilling_an_old_campaign_shows_it_again_and_sends_nothing(
    campaigns: Campaigns, systems: Systems
) -> None:
    campaigns.plan("old", ends_in=60)
    campaigns.tick(LAUNCH)
    campaigns.clock.forward(days=30)
    campaigns.tick(CLOSE)

    again = [campaigns.launch(job, "old") for job in ("campaign_launch_job", "campaign_close_job")]

    assert [result.success for result in again] == [True, True]
    assert set(campaigns.materialized(again[0])) == set(LAUNCH_STEPS)
    assert set(campaigns.materialized(again[1])) == set(CLOSE_STEPS)
    assert {one["copies"] for one in systems.notifications("old")} == {1}
    assert systems.banner("old") is None
