"""The rig of the pull tests, for the long versions too."""

from sync_platform_tests.integration.pull.conftest import database, spare_database

__all__ = ["database", "spare_database"]
