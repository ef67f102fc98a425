"""The questions that a sync asks its source: pages, totals, and what has changed since.

Here belongs turning the YAML and a window into requests, and replies into records. What is asked when, and
what it proves, is decided by `read`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import JsonValue

from sync_platform.api.client import ApiClient
from sync_platform.api.exchange import Reply
from sync_platform.api.json_path import Missing
from sync_platform.api.pages import BadTotal, PageRequest, Paginator, paginator, read_total
from sync_platform.api.request import ApiRequest, build_request
from sync_platform.api.spec import RequestSpec
from sync_platform.pull.identity import Identities, PageRecords
from sync_platform.pull.requests import first_page, window_values
from sync_platform.pull.spec import ApiSyncSpec
from sync_platform.pull.window import Window

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """One source, asked for one window.

    Attributes:
        spec: the source's YAML.
        client: sends the requests.
        window: what is asked for.
        identities: tells the records of a page apart.
    """

    spec: ApiSyncSpec
    client: ApiClient
    window: Window
    identities: Identities
    _window_values: Mapping[str, JsonValue] = field(init=False)

    def __post_init__(self) -> None:
        """Work out once what every page's request says of the window."""
        object.__setattr__(self, "_window_values", window_values(self.spec, self.window))

    def paginator(self) -> Paginator:
        """A fresh paginator, which leads from page to page."""
        return paginator(self.spec.pagination, self.client.base_url)

    def first_page(self, pages: Paginator) -> PageRequest:
        """The window's first page.

        Raises:
            PermanentError: a token of the last sync leads to another host.
        """
        return first_page(self.spec, self.window, pages.first(), self.client.base_url)

    def request(self, page: PageRequest) -> ApiRequest:
        """The request of one page."""
        values = {**self._window_values, **page.values}
        return build_request(self.spec.request, values, next_url=page.url)

    async def ask(self, request: ApiRequest) -> tuple[Reply, PageRecords]:
        """Ask for a page and open it; a reply that is no page is asked again like any failed try.

        Raises:
            RetryableError, PermanentError: see `ApiClient.send`.
        """
        return await fetch_page(
            self.client, request, lambda reply: PageRecords(reply, self.spec, self.identities)
        )

    async def total(self, reply: Reply) -> int | BadTotal | None:
        """The total that goes with a reply; some APIs want to be asked for it apart."""
        spec = self.spec.pagination.total
        if spec is None or (reply.ends_pages and not reply.is_success and spec.request is None):
            return None
        if spec.request is not None:
            question = RequestSpec(path=spec.request.path, params=spec.request.params)
            reply = await self.client.send(build_request(question, self._window_values))
        return read_total(reply, spec)

    async def look(self) -> tuple[int | None, PageRecords]:
        """The total as the source tells it now, or None, and what stands on page 1 now."""
        reply, records = await self.ask(self.request(self.first_page(self.paginator())))
        return _number(await self.total(reply)), records

    async def changed_lately(self, moment: datetime) -> PageRecords | None:
        """The records that changed since, or None when the source cannot say, or says more than one page."""
        total, incremental = self.spec.pagination.total, self.spec.incremental
        if incremental is None or not incremental.is_time or not self.spec.has_since_filter:
            return None
        if total is None or total.request is not None:
            return None
        # Without an end: a record that changes now leaves a window of the past and shifts its pages.
        lately = replace(self, window=replace(self.window, since=moment, until=None))
        count, records = await lately.look()
        return records if count is not None and count <= len(records) else None

    def token(self, reply: Reply) -> str | None:
        """What a reply hands over for the next sync, with secrets in a URL left out."""
        path = self.spec.incremental.token if self.spec.incremental is not None else None
        value = None if path is None else path.find_in(reply.body)
        if value is None or isinstance(value, Missing | bool | dict | list) or value == "":
            return None
        text = str(value)
        return self.client.without_secrets(ApiRequest("GET", text)).url if "://" in text else text

    def stored(self, request: ApiRequest) -> dict[str, Any]:
        """A request as it may be kept: whole, without secrets."""
        return self.client.without_secrets(request).to_payload()


def client_for(spec: ApiSyncSpec, environment: Mapping[str, str]) -> ApiClient:
    """The client of a source; an async context manager.

    Raises:
        SettingsError: a `${NAME}` in the YAML is unset.
    """
    return ApiClient(
        base_url=spec.base_url,
        auth=spec.auth,
        request=spec.request,
        environment=environment,
        retries=spec.retries,
        rate_limit=spec.rate_limit,
        response_actions=spec.response_actions,
        timeout_s=spec.timeout_s,
        max_body_mb=spec.max_body_mb,
        max_retry_after_s=spec.max_retry_after_s,
    )


async def fetch_page(client: ApiClient, request: ApiRequest, opened: Callable[[Reply], T]) -> tuple[Reply, T]:
    """Ask for one page and open it.

    Args:
        client: asks.
        request: the page's.
        opened: opens a reply; what it refuses as broken is asked for again.

    Raises:
        RetryableError: no answer came, or it broke on the way, on every try.
        PermanentError: the source refuses, or no array stands where the records should.
    """
    found: list[T] = []
    reply = await client.send(request, lambda reply: found.append(opened(reply)))
    return reply, found[-1]


def _number(total: int | BadTotal | None) -> int | None:
    return None if isinstance(total, BadTotal) else total
