"""What every test can ask for."""

pytest_plugins = ["sync_platform_tests.postgres", "sync_platform_tests.own_sql"]
