"""`${NAME}`: looked up deep, missing ones named, values never shown."""

import pytest

from sync_platform.api.environment import mask, names_in, pick, resolve, substitute
from sync_platform.vocabulary import SettingsError

ENVIRONMENT = {"URL": "https://example.com", "TOKEN": "t0ken\n", "EMPTY": "", "BROKEN": "a\nb"}


def test_names_are_found_deep() -> None:
    assert names_in({"a": ["${A}", {"b": "x${B}y${C_1}"}], "c": "$D {E} ${2} ${}", "f": 1}) == {
        "A",
        "B",
        "C_1",
    }


def test_values_are_put_in_deep_and_without_a_files_line_end() -> None:
    template = {"a": ["${URL}/x", 1, None], "b": {"c": "Bearer ${TOKEN}"}}
    assert resolve(template, ENVIRONMENT) == {
        "a": ["https://example.com/x", 1, None],
        "b": {"c": "Bearer t0ken"},
    }


@pytest.mark.parametrize("name", ["ABSENT", "EMPTY", "BROKEN"])
def test_an_unusable_variable_is_named_without_its_value(name: str) -> None:
    with pytest.raises(SettingsError, match=name) as raised:
        resolve([f"${{{name}}}", "${URL}"], ENVIRONMENT)
    assert "example.com" not in str(raised.value)


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match="A, B are not set"):
        pick({"B", "A"}, {})


def test_an_unknown_name_stays_plain_text_when_a_request_is_sent() -> None:
    assert substitute(["${TOKEN}", "${URL}"], {"URL": "u"}) == ["${TOKEN}", "u"]


def test_a_value_is_not_looked_up_again() -> None:
    assert substitute("${A}", {"A": "${B}", "B": "secret"}) == "${B}"


def test_masking_undoes_substituting_in_every_spelling() -> None:
    assert mask("k=a%2Fb+c&k=a/b%20c&k=a/b c", {"K": "a/b c"}) == "k=${K}&k=${K}&k=${K}"
