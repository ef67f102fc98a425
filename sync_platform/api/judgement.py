"""Judges one try: was the reply good, and if not, what failed and which error ends the request.

Here belong the order of the rules (response actions, status, is it JSON) and the words of the final errors.
Pure: nothing is sent or waited for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus

from sync_platform.api.actions import matching_action, stated_message
from sync_platform.api.exchange import Reply
from sync_platform.api.failures import (
    Failure,
    FailureKind,
    NotJsonError,
    UnauthorizedError,
    classify_exception,
    classify_status,
    retry_after_s,
)
from sync_platform.api.json_path import UTF8_BOM
from sync_platform.api.spec import ResponseAction
from sync_platform.vocabulary import PermanentError, RetryableError, SyncPlatformError

_NEXT_STEPS = {
    400: "; check request.params and json against the API's own page",
    404: "; check base_url and request.path",
    405: "; check request.method",
    410: "; the API has dropped this address, check base_url and request.path",
    422: "; check request.params and json against the API's own page",
}


@dataclass(frozen=True, slots=True)
class FailedTry:
    """A try that did not succeed.

    Attributes:
        failure: what the retry policy decides on.
        reply: what came, or None where no whole reply did.
        error: raised instead of one made from `failure`, where no further try is made.
        cause: the exception below it, or None.
    """

    failure: Failure
    reply: Reply | None = None
    error: SyncPlatformError | None = None
    cause: BaseException | None = None


def judge_reply(
    reply: Reply, actions: Sequence[ResponseAction], now: datetime, description: str
) -> Reply | FailedTry:
    """Return the reply where it is good (marked where it ends the pages), else why the try failed."""
    if match := matching_action(actions, reply.status, reply.headers, reply.body):
        return _act(reply, *match, now)
    if failure := classify_status(reply.status, reply.headers, now):
        return FailedTry(failure, reply)
    if reply.status == HTTPStatus.NO_CONTENT:
        return replace(reply, ends_pages=True)
    if _is_markup(reply):
        content_type = reply.headers.get("Content-Type", "").partition(";")[0].strip() or "no content type"
        reason = f"status {reply.status} with a web page ({content_type}) where JSON was expected"
        error = NotJsonError(
            f"{description} was answered by {reason}; check base_url and request.path, and whether "
            "a login page or a proxy stands before the API"
        )
        return FailedTry(Failure("retryable", reason), reply, error)
    return reply


def judge_exception(error: BaseException) -> FailedTry:
    """Return why a try without a whole reply failed."""
    if isinstance(error, SyncPlatformError):
        kind: FailureKind = "retryable" if isinstance(error, RetryableError) else "permanent"
        return FailedTry(Failure(kind, str(error)), error=error)
    return FailedTry(classify_exception(error), cause=error)


def final_error(failed: FailedTry, description: str, tries: int, auth_advice: str) -> SyncPlatformError:
    """Return the error that ends a request: what happened, to what, after how many tries, what now."""
    if failed.error is not None:
        return failed.error
    failure = failed.failure
    if failure.kind == "unauthorized":
        return UnauthorizedError(f"{description} was refused with {failure.reason}; {auth_advice}")
    if failure.kind == "permanent":
        next_step = _NEXT_STEPS.get(failed.reply.status, "") if failed.reply else ""
        return PermanentError(f"{description} failed: {failure.reason}{next_step}")
    times = "once" if tries == 1 else f"{tries} times"
    asked = "" if failure.retry_after_s is None else f"; the API asks to wait {failure.retry_after_s:g} s"
    next_step = "it can be asked again later" if failed.reply else "check base_url, and that the API is up"
    return RetryableError(
        f"{description} failed {times}, last: {failure.reason}{asked}; {next_step}",
        retry_after_s=failure.retry_after_s,
    )


def _act(reply: Reply, position: int, action: ResponseAction, now: datetime) -> Reply | FailedTry:
    if action.action == "end_of_pages":
        return replace(reply, ends_pages=True)
    reason = f"status {reply.status}, and response_actions[{position}] says {action.action}"
    if action.action == "fail":
        code = stated_message(action, reply.body)
        return FailedTry(Failure("permanent", f"{reason}{f' ({code})' if code else ''}"), reply)
    kind: FailureKind = "rate_limited" if action.action == "rate_limited" else "retryable"
    return FailedTry(Failure(kind, reason, retry_after_s(reply.headers, now)), reply)


def _is_markup(reply: Reply) -> bool:
    is_html = "html" in reply.headers.get("Content-Type", "").lower()
    return is_html or reply.body[:64].removeprefix(UTF8_BOM).lstrip().startswith(b"<")
