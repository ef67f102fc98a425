"""How long to wait and when to give up, as a table."""

import pytest

from sync_platform.api.failures import Failure, FailureKind
from sync_platform.api.retry import RetryPolicy
from sync_platform.api.spec import RetrySpec


def wait_s(
    kind: FailureKind,
    *,
    asked: float | None = None,
    failed: int = 1,
    limited: int = 1,
    reset: float | None = None,
    configured: float | None = None,
    delay_s: float = 5,
) -> float | None:
    policy = RetryPolicy(RetrySpec(count=3, delay_s=delay_s), 120, configured, lambda ceiling_s: ceiling_s)
    failure = Failure(kind, "", asked)
    return policy.wait_s(failure, failed_tries=failed, limited_answers=limited, reset_wait_s=reset)


@pytest.mark.parametrize("kind", ["permanent", "unauthorized"])
def test_what_will_fail_again_is_given_up_at_once(kind: FailureKind) -> None:
    assert wait_s(kind) is None


def test_faults_back_off_exponentially_until_the_tries_are_used_up() -> None:
    assert [wait_s("retryable", failed=n) for n in (1, 2, 3, 4)] == [5, 10, 20, None]


def test_backoff_stays_below_the_longest_wait_and_finite() -> None:
    assert wait_s("rate_limited", limited=10_000) == 120


@pytest.mark.parametrize("kind", ["retryable", "rate_limited"])
def test_retry_after_outranks_everything_up_to_its_bound(kind: FailureKind) -> None:
    assert wait_s(kind, asked=120, reset=1, configured=2) == 120
    assert wait_s(kind, asked=120.5, reset=1, configured=2) is None


def test_a_limit_waits_by_reset_header_then_wait_s_then_backoff() -> None:
    assert wait_s("rate_limited", reset=900, configured=7) == 900
    assert wait_s("rate_limited", configured=7) == 7
    assert wait_s("rate_limited", limited=2) == 10


def test_a_limit_never_uses_up_the_tries() -> None:
    assert wait_s("rate_limited", failed=0, limited=50, configured=130) == 130


def test_a_wait_of_nothing_grows_all_the_same() -> None:
    waits = [wait_s("rate_limited", asked=0, limited=n) for n in (1, 2, 3, 50)]
    assert waits == [0.05, 0.1, 0.2, 120]
