"""Every name that one source gives to Dagster, derived from its noun (DESIGN 3).

Here belongs naming only; other modules never spell a name themselves.
"""

from dataclasses import dataclass

SYNC_ID_TAG = "sync_id"
SYNC_TYPE_TAG = "sync_type"


@dataclass(frozen=True, slots=True)
class SyncNames:
    """The names of one source.

    Attributes:
        source: its noun, such as `users`.
    """

    source: str

    @property
    def pages(self) -> str:
        """The asset of pages as read."""
        return f"external_{self.source}_pages"

    @property
    def normalized(self) -> str:
        """The asset of rows that are ready to load."""
        return f"normalized_{self.source}"

    @property
    def table(self) -> str:
        """The asset of the target table."""
        return self.source

    @property
    def metadata(self) -> str:
        """The asset of watermark and log."""
        return f"{self.source}_sync_metadata"

    @property
    def assets(self) -> tuple[str, str, str, str]:
        """The four assets, upstream first."""
        return self.pages, self.normalized, self.table, self.metadata

    @property
    def group(self) -> str:
        """The asset group."""
        return f"{self.source}_sync"

    @property
    def job(self) -> str:
        """The job of a whole sync."""
        return f"{self.source}_sync_job"

    @property
    def schedule(self) -> str:
        """The schedule of the job."""
        return f"{self.source}_sync_schedule"

    @property
    def retry_job(self) -> str:
        """The job that redoes what a sync queued."""
        return f"{self.source}_retry_job"

    @property
    def retry_op(self) -> str:
        """The one step of the retry job."""
        return f"{self.source}_retry"

    @property
    def retry_sensor(self) -> str:
        """The sensor that starts the retry job when entries are due."""
        return f"{self.source}_retry_sensor"

    @property
    def replay_job(self) -> str:
        """The job that judges the quarantine anew."""
        return f"{self.source}_replay_job"

    @property
    def replay_op(self) -> str:
        """The one step of the replay job."""
        return f"{self.source}_replay"

    @property
    def check(self) -> str:
        """The asset check on the table's account."""
        return f"{self.source}_account_balances"

    @property
    def lock(self) -> str:
        """The lock that lets one sync of the source work at a time."""
        return f"sync:{self.source}"

    @property
    def what(self) -> str:
        """What works under the lock, as a person calls it."""
        return f"sync of {self.source}"
