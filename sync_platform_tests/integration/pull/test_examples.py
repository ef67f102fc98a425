"""The examples, as they stand in `examples/`, against simulators of their APIs: every row compared.

Only the address, and the length of the API's second, are the test's; all else is the file.
"""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dagster_shared.yaml_utils import safe_load_yaml

from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform_tests.pulling import Pulling
from sync_platform_tests.scripted_server import ScriptedServer
from sync_platform_tests.simulators import github, hubspot, shopify, stripe
from sync_platform_tests.simulators.limits import RateWindow

EXAMPLES = Path(__file__).parents[3] / "examples"
SECOND_S = 0.02
START = datetime(2024, 3, 1, tzinfo=UTC)


def _example(name: str, base_url: str, **changes: Any) -> ApiSyncSpec:
    text = (EXAMPLES / name / "defs.yaml").read_text()
    assert text.count("\n") <= 35
    attributes: dict[str, Any] = safe_load_yaml(text)["attributes"]
    limit = dict(attributes["rate_limit"])
    if "per_s" in limit:
        limit["per_s"] = limit["per_s"] * SECOND_S
    return ApiSyncSpec.model_validate({**attributes, "rate_limit": limit, "base_url": base_url, **changes})


def test_github_users(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        api = github.GithubUsers(server.url, "gh-token", limited={2: "primary", 4: "secondary"})
        api.users = {n: github.user(n, f"user{n}") for n in range(1, 451, 2)}
        server.script("/users", api)
        spec = _example("github_users", server.url)
        pulling = Pulling(spec, database, tmp_path, {"GITHUB_TOKEN": "gh-token"})

        def rows() -> set[tuple[Any, ...]]:
            return pulling.table("id", "login", "kind", "is_site_admin", "profile_url")

        def expected() -> set[tuple[Any, ...]]:
            names = ("id", "login", "type", "site_admin", "html_url")
            return {tuple(one[name] for name in names) for one in api.users.values()}

        first = pulling.sync("full")
        assert (first["status"], first["proof"], first["inserted"]) == ("completed", "end_signal", 225)
        assert rows() == expected()
        assert pulling.watermark == "449"
        api.users[451] = github.user(451, "newcomer")
        second = pulling.sync()
        assert (second["seen"], second["inserted"], pulling.watermark) == (1, 1, "451")
        assert rows() == expected()
        api.users[3] = github.user(3, "renamed")
        third = pulling.sync("full")
        assert (third["updated"], third["unchanged"]) == (1, 225)
        assert rows() == expected()
    assert server.max_in_flight == 1


def test_stripe_customers(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        api = stripe.StripeCustomers("sk_test_x", RateWindow(25, SECOND_S))
        made = int(START.timestamp())
        customers = (stripe.customer(n, made + 60 * n) for n in range(1, 251))
        api.customers = {one["id"]: one for one in customers}
        server.script("/v1/customers", api)
        spec = _example("stripe_customers", server.url)
        pulling = Pulling(spec, database, tmp_path, {"STRIPE_SECRET_KEY": "sk_test_x"})

        def expected() -> set[tuple[Any, ...]]:
            return {
                (
                    one["id"],
                    one["email"].lower(),
                    one["name"],
                    (one["address"] or {}).get("city"),
                    (one["address"] or {}).get("country"),
                    one["balance"],
                    "delinquent" if one["delinquent"] else "active",
                    str(one["metadata"]),
                )
                for one in api.customers.values()
            }

        def rows() -> set[tuple[Any, ...]]:
            columns = ("customer_id", "email", "name", "city", "country", "balance", "status", "tags")
            listed = pulling.rows("select * from stripe_customers")
            return {(*(row[name] for name in columns[:-1]), str(row["tags"])) for row in listed}

        first = pulling.sync("full")
        assert (first["status"], first["proof"], first["inserted"]) == ("completed", "end_signal", 250)
        assert rows() == expected()
        new = stripe.customer(251, made + 60 * 251)
        api.customers[new["id"]] = new
        second = pulling.sync()
        assert (second["sync_type"], second["inserted"]) == ("incremental", 1)
        assert second["seen"] < 100
        assert rows() == expected()
        api.customers["cus_00000007"] |= {"email": "Moved@Example.com", "balance": 5}
        del api.customers["cus_00000009"]
        third = pulling.sync("full")
        assert (third["updated"], third["unchanged"], third["deactivated"]) == (1, 249, 1)
        gone = {row for row in rows() if row[0] == "cus_00000009"}
        assert {row[6] for row in gone} == {"inactive"}
        assert rows() - gone == expected()
    assert api.refused == 0


def test_hubspot_contacts(database: DatabaseAddress, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        api = hubspot.HubspotContacts("pat-x", RateWindow(4, SECOND_S))
        api.contacts = {n: hubspot.contact(n, START + timedelta(minutes=n)) for n in range(1, 10_301)}
        server.script("/crm/v3/objects/contacts/search", api)
        spec = _example("hubspot_contacts", server.url)
        pulling = Pulling(spec, database, tmp_path, {"HUBSPOT_TOKEN": "pat-x"})

        def expected() -> set[tuple[Any, ...]]:
            found = set()
            for one in api.contacts.values():
                said = one["properties"]
                name = " ".join(part for part in (said["firstname"], said["lastname"]) if part is not None)
                found.add((one["id"], said["email"].lower(), name, said["lifecyclestage"]))
            return found

        def rows(status: str = "active") -> set[tuple[Any, ...]]:
            columns = ("contact_id", "email", "name", "stage", "status")
            return {row[:-1] for row in pulling.table(*columns) if row[-1] == status}

        first = pulling.sync("full")
        assert (first["status"], first["proof"], first["distinct"]) == ("completed", "total", 10_300)
        assert first["inserted"] == 10_300
        assert rows() == expected()
        api.contacts[5] = hubspot.contact(5, START + timedelta(days=10), firstname="Changed")
        api.contacts[10_301] = hubspot.contact(10_301, START + timedelta(days=10))
        second = pulling.sync()
        assert (second["inserted"], second["updated"], second["proof"]) == (1, 1, "total")
        assert second["seen"] < 10
        assert rows() == expected()
        del api.contacts[77]
        third = pulling.sync("full")
        assert (third["deactivated"], third["unchanged"], third["updated"]) == (1, 10_300, 0)
        assert rows() == expected()
        assert {row[0] for row in rows("inactive")} == {"77"}
    assert api.refused <= 3


def test_shopify_customers(database: DatabaseAddress, tmp_path: Path) -> None:
    paris = timezone(timedelta(hours=2))
    changed_at = datetime(2024, 4, 1, 9, tzinfo=paris)
    with ScriptedServer() as server:
        api = shopify.ShopifyCustomers(server.url, "shpat_x", shopify.LeakyBucket(40, 2 / SECOND_S))
        customers = (shopify.customer(n, changed_at + timedelta(seconds=n)) for n in range(1, 601))
        api.customers = {one["id"]: one for one in customers}
        server.script(f"{shopify.VERSION}/customers.json", api)
        server.script(f"{shopify.VERSION}/customers/count.json", api)
        spec = _example("shopify_customers", f"{server.url}{shopify.VERSION}")
        pulling = Pulling(spec, database, tmp_path, {"SHOPIFY_TOKEN": "shpat_x"})

        def expected() -> set[tuple[Any, ...]]:
            return {
                (
                    one["id"],
                    one["email"].lower(),
                    " ".join(part for part in (one["first_name"], one["last_name"]) if part is not None),
                    (one["default_address"] or {}).get("city"),
                    (one["default_address"] or {}).get("country_code"),
                    one["orders_count"],
                    Decimal(one["total_spent"]),
                    one["state"],
                    datetime.fromisoformat(one["updated_at"]),
                )
                for one in api.customers.values()
            }

        def rows() -> set[tuple[Any, ...]]:
            columns = ("customer_id", "email", "name", "city", "country", "orders", "spent", "status")
            return pulling.table(*columns, "source_updated_at")

        first = pulling.sync("full")
        assert (first["status"], first["proof"], first["inserted"]) == ("completed", "total", 600)
        assert rows() == expected()
        later = changed_at + timedelta(hours=3)
        changed = [shopify.customer(7, later, total_spent="99.99"), shopify.customer(601, later)]
        api.customers |= {one["id"]: one for one in changed}
        second = pulling.sync()
        assert (second["inserted"], second["updated"], second["proof"]) == (1, 1, "total")
        assert second["seen"] < 100
        assert rows() == expected()
        del api.customers[7_000_000_009]
        third = pulling.sync("full")
        assert (third["deactivated"], third["unchanged"]) == (1, 600)
        inactive = {row for row in rows() if row[7] == "inactive"}
        assert {row[0] for row in inactive} == {7_000_000_009}
        assert rows() - inactive == expected()


@pytest.mark.parametrize("name", sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()))
def test_every_example_is_short(name: str) -> None:
    file = EXAMPLES / name / "defs.yaml"
    written = file.read_text() if file.exists() else ""
    assert written.count("\n") <= (50 if "components.Workflow" in written else 35)
