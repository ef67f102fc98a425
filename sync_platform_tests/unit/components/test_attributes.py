import pytest
from pydantic import ValidationError

from sync_platform_tests.unit.components.sources import users_attributes, users_spec

USERS_WORDS = "full_every_s"


def refusal(**changes: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as refused:
        users_spec(**changes)
    problems = refused.value.errors(include_url=False)
    return {".".join(map(str, problem["loc"])): problem["msg"] for problem in problems}


def test_an_unknown_word_is_told_with_its_neighbour_and_all_that_are_allowed() -> None:
    [(place, message)] = refusal(targets={"table": "users"}).items()
    assert place == "targets"
    assert "`targets` is no word here; did you mean `target`? Allowed: " in message
    assert USERS_WORDS in message


@pytest.mark.parametrize(
    ("changes", "place", "allowed"),
    [
        ({"incremental": {"field": "updated_at", "colour": 1}}, "incremental.colour", "field, format, full"),
        ({"pagination": {"type": "page", "totl": "t"}}, "pagination.totl", "did you mean `total`?"),
        ({"auth": {"type": "bearer", "tokn": "t"}}, "auth.bearer.tokn", "did you mean `token`?"),
        ({"schedule": {"cron": "0 * * * *", "state": "on"}}, "schedule.ScheduleSpec.state", "cron, status"),
        (
            {"response_actions": [{"status": 403, "action": "retry", "statu": 1}]},
            "response_actions.0.statu",
            "did you mean `status`?",
        ),
    ],
)
def test_a_nested_unknown_word_is_told_with_what_is_allowed_there(
    changes: dict[str, object], place: str, allowed: str
) -> None:
    assert allowed in refusal(**changes)[place]


@pytest.mark.parametrize(
    ("changes", "place", "allowed"),
    [
        ({"page_size": 0}, "page_size", "at least 1"),
        ({"incremental": {"field": "updated_at", "lag_s": -1}}, "incremental.lag_s", "0 or more"),
        ({"pagination": {"type": "pages"}}, "pagination.type", "'page', 'offset', 'cursor'"),
        ({"auth": {"type": "beer"}}, "auth", "'bearer'"),
        ({"target": {"table": "users"}}, "target.key", "required"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    changes: dict[str, object], place: str, allowed: str
) -> None:
    assert allowed in refusal(**changes)[place]


def test_placeholders_and_variables_stay_as_they_are_written() -> None:
    spec = users_spec()
    assert spec.request.params["page"] == "{page}"
    assert spec.base_url == "${EXTERNAL_API_URL}"


def test_the_seed_is_recognised_in_about_30_lines() -> None:
    attributes = users_attributes()
    assert attributes["watermark_key"] == "last_user_sync"
    assert attributes["incremental"]["start"] == "2024-01-01T00:00:00Z"
    assert (attributes["timeout_s"], attributes["retries"]) == (60, {"count": 3, "delay_s": 5})
