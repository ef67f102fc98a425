from dataclasses import replace

import dagster as dg

from sync_platform.components.api_sync import report as reports
from sync_platform.components.api_sync.names import SyncNames
from sync_platform.pull.account import Account
from sync_platform.pull.reports import LoadReport
from sync_platform_tests.unit.components.sources import users_spec

BALANCED = Account(seen=10, inserted=4, updated=1, unchanged=4, quarantined=1, expected=10, distinct=10)


def test_a_balanced_account_passes_the_check() -> None:
    result = reports.balance_check(SyncNames("users"), LoadReport({1: BALANCED}, seconds=1))
    assert result.passed
    assert result.check_name == "users_account_balances"


def test_one_missing_record_fails_the_check_and_is_named() -> None:
    wrong = replace(BALANCED, unchanged=3)
    result = reports.balance_check(SyncNames("users"), LoadReport({1: BALANCED, 2: wrong}, seconds=1))
    assert not result.passed
    assert result.description == "sync 2: 10 records seen, 9 accounted for"


def test_the_account_is_a_table_with_every_term_and_a_column_a_sync() -> None:
    lines = reports.account_table({1: BALANCED, 2: Account()}).splitlines()
    assert lines[0] == "| term | 1 | 2 |"
    assert "| inserted | 4 | 0 |" in lines
    assert "| expected | 10 | - |" in lines
    assert lines[-1] == "| **accounted for** | 10 of 10 | 0 of 0 |"


def test_loaded_rows_show_their_unchanged_share_even_when_there_are_none() -> None:
    shown = reports.load_metadata(users_spec(), LoadReport({1: BALANCED}, seconds=0.5))
    assert shown["unchanged_share"].value == 4 / 9
    assert shown["rows_per_s"].value == 18
    empty = reports.load_metadata(users_spec(), LoadReport({}, seconds=0.0))
    assert empty["unchanged_share"].value == 0


def test_columns_are_traced_from_the_records_field_to_the_table() -> None:
    spec = users_spec()
    normalized, table = reports.normalized_lineage(spec), reports.table_lineage(spec)
    pages = dg.AssetKey("external_users_pages")
    assert normalized.deps_by_column["name"] == [
        dg.TableColumnDep(asset_key=pages, column_name="first_name"),
        dg.TableColumnDep(asset_key=pages, column_name="last_name"),
    ]
    assert table.deps_by_column["email"] == [
        dg.TableColumnDep(asset_key=dg.AssetKey("normalized_users"), column_name="email")
    ]
    assert set(table.deps_by_column) <= set(reports.table_types(spec))


def test_lineage_starts_at_columns_that_the_pages_show() -> None:
    spec = users_spec()
    shown = {column.name for column in reports.record_schema(spec).columns}
    used = {
        dep.column_name for deps in reports.normalized_lineage(spec).deps_by_column.values() for dep in deps
    }
    assert used <= shown


def test_columns_show_the_types_that_the_table_gets() -> None:
    columns = {
        "external_id": "CAST(id AS VARCHAR)",
        "is_adult": "age >= 18",
        "born": {"sql": "b", "type": "date"},
    }
    spec = users_spec(columns=columns, fields={"age": {"path": "age", "type": "integer"}})
    types = reports.table_types(spec)
    assert (types["external_id"], types["is_adult"], types["born"]) == ("text", "boolean", "date")
    assert types["metadata"] == "jsonb"
