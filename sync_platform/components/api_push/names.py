"""Every name that one push gives to Dagster and to the ledger (DESIGN 3).

Here belongs naming only; other modules never spell a name themselves.
"""

from dataclasses import dataclass
from typing import Self

from sync_platform.components.scaffolding import slug
from sync_platform.push.spec import ApiPushSpec

PUSH_ID_TAG = "push_id"


@dataclass(frozen=True, slots=True)
class PushNames:
    """The names of one push.

    Attributes:
        push: of the push itself, such as `customer_push`; also its target in the ledger.
        source: the asset of what is to be sent, such as `customers`; also the noun on the command line.
        deliveries: the asset of what was sent, such as `customer_deliveries`.
    """

    push: str
    source: str
    deliveries: str

    @classmethod
    def of(cls, spec: ApiPushSpec, folder: str) -> Self:
        """Name a push after its YAML, and what the YAML leaves out after its folder and its query's file."""
        push = spec.name or push_name_of(folder)
        return cls(
            push=push,
            source=spec.source_asset or spec.source.rsplit("/", 1)[-1],
            deliveries=spec.deliveries_asset or f"{push.removesuffix('_push')}_deliveries",
        )

    @property
    def assets(self) -> tuple[str, str]:
        """The two assets, upstream first."""
        return self.source, self.deliveries

    @property
    def group(self) -> str:
        """The asset group."""
        return self.push

    @property
    def job(self) -> str:
        """The job of a whole push."""
        return f"{self.push}_job"

    @property
    def schedule(self) -> str:
        """The schedule of the job, where the YAML has one."""
        return f"{self.push}_schedule"

    @property
    def replay_job(self) -> str:
        """The job that sends again what is dead or parked."""
        return f"{self.push}_replay_job"

    @property
    def replay_op(self) -> str:
        """The one step of the replay job."""
        return f"{self.push}_replay"

    @property
    def check(self) -> str:
        """The asset check on the account."""
        return f"{self.deliveries}_account_balances"

    @property
    def lock(self) -> str:
        """The lock that lets one push of the target work at a time."""
        return f"push:{self.push}"

    @property
    def what(self) -> str:
        """What works under the lock, as a person calls it."""
        return f"push of {self.source}"


def push_name_of(folder: str) -> str:
    """Make a push's name from a folder's name: `CRM-Push` becomes `crm_push`."""
    return slug(folder, otherwise="api_push")
