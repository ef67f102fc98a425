"""What may be followed, and what a URL shows of itself."""

import pytest

from sync_platform.api.failures import ForeignOriginError
from sync_platform.api.urls import (
    absolute,
    follow,
    require_base_url,
    same_origin,
    shown_origin,
    with_params,
    without_params,
)
from sync_platform.vocabulary import SettingsError

BASE = "https://api.example.com/v1"


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("https://api.example.com/other?x=1", True),
        ("https://API.example.com:443/", True),
        ("http://api.example.com/", False),
        ("https://api.example.com:8443/", False),
        ("https://api.example.com.evil.test/", False),
        ("https://evil.test/https://api.example.com/", False),
        ("https://api.example.com@evil.test/", False),
        ("https://evil.test\\@api.example.com/", False),
        ("https://api.example.com:port/", False),
        ("//api.example.com/", False),
        ("/v1/users", False),
        ("javascript:alert(1)", False),
        ("https://[::1/", False),
        ("", False),
    ],
)
def test_same_origin(url: str, is_same: bool) -> None:
    assert same_origin(BASE, url) is is_same


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("https://api.example.com/v1/users?c=2#f", "https://api.example.com/v1/users?c=2"),
        ("/v2/users?c=2", "https://api.example.com/v2/users?c=2"),
        ("users?c=2", "https://api.example.com/v1/users?c=2"),
        ("?c=2", "https://api.example.com/v1/users?c=2"),
        ("//api.example.com/x", "https://api.example.com/x"),
    ],
)
def test_a_link_is_resolved_as_rfc_3986_says(link: str, target: str) -> None:
    assert follow(BASE, f"{BASE}/users?c=1", link) == target


@pytest.mark.parametrize(
    "link",
    ["http://api.example.com/x", "https://evil.test/", "//evil.test/", "https://[bad/", "ftp://x/", "data:x"],
)
def test_a_link_to_elsewhere_is_refused_without_its_path(link: str) -> None:
    with pytest.raises(ForeignOriginError, match="nothing was sent"):
        follow(BASE, BASE, link)


def test_a_path_is_put_below_base_url() -> None:
    assert absolute(BASE, "/users") == absolute(f"{BASE}/", "users") == f"{BASE}/users"
    assert absolute(BASE, "") == BASE
    assert absolute(BASE, "/go?to=https://evil.test/") == f"{BASE}/go?to=https://evil.test/"
    with pytest.raises(ForeignOriginError):
        absolute(BASE, "https://evil.test/")


@pytest.mark.parametrize(
    "url",
    ["", "api.example.com", "ftp://x", "https://", "/v1", "https://h:port", "https://[::1", "https://h/?a=1"],
)
def test_a_base_url_that_is_none_is_a_setting_to_correct(url: str) -> None:
    with pytest.raises(SettingsError, match="base_url"):
        require_base_url(url)


def test_a_password_in_base_url_is_refused_unquoted() -> None:
    with pytest.raises(SettingsError, match="basic") as raised:
        require_base_url("https://ann:s3cret@example.com")
    assert "s3cret" not in str(raised.value)


def test_what_is_shown_of_a_url_is_its_origin() -> None:
    assert shown_origin("https://u:p@[::1]:8443/path?x=1") == "https://[::1]:8443"
    assert shown_origin("https://api.example.com/v1") == "https://api.example.com"
    assert shown_origin("https://[bad") == "an address that is no URL"


def test_params_are_added_replaced_and_dropped() -> None:
    url = "https://h/x?a=1&b=%2F"
    assert with_params(url, ()) == url
    assert with_params(url, (("c", "ä b"),)) == "https://h/x?a=1&b=%2F&c=%C3%A4+b"
    assert with_params(url, (("a", "2"),), replacing=True) == "https://h/x?b=%2F&a=2"
    assert without_params(url, frozenset({"a"})) == "https://h/x?b=%2F"
    assert without_params(url, frozenset({"z"})) == url
