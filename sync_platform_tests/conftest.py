"""What every test can ask for."""

pytest_plugins = ["sync_platform_tests.postgres"]
