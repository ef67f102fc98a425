"""Replies made by hand, for what is decided without a server."""

from collections.abc import Mapping

import httpx
import msgspec

from sync_platform.api.exchange import Reply
from sync_platform_tests.unit.api.fake_clock import STARTED_AT


def reply_of(
    value: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    url: str = "https://api.example.com/v1/users",
    ends_pages: bool = False,
) -> Reply:
    return Reply(
        status=200,
        headers=httpx.Headers(headers or {}),
        body=msgspec.json.encode(value),
        url=url,
        received_at=STARTED_AT,
        source_clock_at=None,
        elapsed_s=0,
        ends_pages=ends_pages,
    )
