import dagster as dg
import pytest

from sync_platform.components.telling import reason_of
from sync_platform.vocabulary import PermanentError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (dg.Failure("page 1 answers 401", allow_retries=False), "page 1 answers 401"),
        (PermanentError("no such table"), "no such table"),
        (ValueError("jane@example.com"), "unexpected ValueError; the run's log has the traceback"),
        (None, "unexpected NoneType; the run's log has the traceback"),
    ],
)
def test_a_reason_quotes_only_what_we_wrote_ourselves(error: BaseException | None, reason: str) -> None:
    assert reason_of(error) == reason
