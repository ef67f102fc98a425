"""The sandbox's systems of a campaign: the CMS, the page cache and the notification service.

Here belong what each takes and how it tells what it took. None of them asks for a token, because the
contract has none for them; they listen on loopback only. Source: seed 002.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sync_platform.sandbox.received import Answers, Kept, json_object, page_of

_NO_SUCH = {"error": "there is none"}


class CmsApi:
    """Landing-page banners, one a campaign."""

    def __init__(self) -> None:
        self._banners: Kept[dict[str, Any]] = Kept()

    def add_routes(self, app: web.Application) -> None:
        """Serve `PUT`, `GET` and `DELETE /cms/banners/{campaign_id}`, and `GET /cms/banners`."""
        app.router.add_get("/cms/banners", self.list_banners)
        app.router.add_put("/cms/banners/{campaign_id}", self.put)
        app.router.add_get("/cms/banners/{campaign_id}", self.show)
        app.router.add_delete("/cms/banners/{campaign_id}", self.remove)

    async def list_banners(self, request: web.Request) -> web.Response:
        """Answer a page of the banners that are shown now."""
        return page_of(request, [{"campaign_id": key, **banner} for key, banner in self._banners.items()])

    async def put(self, request: web.Request) -> web.Response:
        """Show a banner, or replace it; again changes nothing but `puts`, which counts."""
        campaign_id = request.match_info["campaign_id"]
        before = self._banners.get(campaign_id)
        banner = {"banner": await json_object(request), "puts": 1 if before is None else before["puts"] + 1}
        self._banners.put(campaign_id, banner)
        return web.json_response({"campaign_id": campaign_id, "puts": banner["puts"]})

    async def show(self, request: web.Request) -> web.Response:
        """Answer one banner, or 404."""
        banner = self._banners.get(request.match_info["campaign_id"])
        return web.json_response(_NO_SUCH, status=404) if banner is None else web.json_response(banner)

    async def remove(self, request: web.Request) -> web.Response:
        """Take a banner away; again says that there was none, which is no error."""
        return web.json_response({"removed": int(self._banners.remove(request.match_info["campaign_id"]))})


class CacheApi:
    """The page cache: one warmed page a campaign and customer."""

    def __init__(self) -> None:
        self._pages: Kept[dict[str, Any]] = Kept()

    def add_routes(self, app: web.Application) -> None:
        """Serve `POST /cache/pages` and `GET /cache/pages?campaign_id`."""
        app.router.add_post("/cache/pages", self.warm)
        app.router.add_get("/cache/pages", self.list_pages)

    async def warm(self, request: web.Request) -> web.Response:
        """Warm the page of `{campaign_id, customer_id}`; again only counts it in `warmed`."""
        body = await json_object(request)
        names = _names(body)
        if names is None:
            return _needs_names()
        key = "\x00".join(names)
        before = self._pages.get(key)
        warmed = 1 if before is None else before["warmed"] + 1
        self._pages.put(key, {"campaign_id": names[0], "customer_id": names[1], "warmed": warmed})
        return web.json_response({"warmed": warmed})

    async def list_pages(self, request: web.Request) -> web.Response:
        """Answer a page of the warmed pages, of one campaign where it is named."""
        return page_of(request, _of_campaign(request, self._pages.values()))


class NotificationsApi:
    """The notification service: one notification a campaign and customer, sent at its `send_at`.

    Args:
        clock: the time that decides whether a notification is still due or was sent.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._notifications: Kept[dict[str, Any]] = Kept()
        self._answers = Answers()
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Serve `POST`, `GET` and `DELETE /notify/notifications`."""
        app.router.add_post("/notify/notifications", self.take)
        app.router.add_get("/notify/notifications", self.list_taken)
        app.router.add_delete("/notify/notifications", self.remove_due)

    async def take(self, request: web.Request) -> web.Response:
        """Take a notification `{campaign_id, customer_id, message, send_at?}`: 201.

        The same Idempotency-Key again is answered as the first time, with another body by a 422. `copies`
        counts how often one customer would really have been told of one campaign.
        """
        body = await json_object(request)
        if earlier := self._answers.earlier(request, await request.read()):
            return earlier
        names = _names(body)
        if names is None:
            return _needs_names()
        try:
            send_at = _time(body["send_at"]) if body.get("send_at") else self._clock()
        except (TypeError, ValueError):
            return web.json_response({"error": "send_at must be an RFC 3339 time"}, status=400)
        before = self._notifications.get("\x00".join(names))
        copies = 1 if before is None else before["copies"] + 1
        taken = {**body, "campaign_id": names[0], "customer_id": names[1], "send_at": send_at.isoformat()}
        self._notifications.put("\x00".join(names), {**taken, "copies": copies})
        return self._answers.first(request, await request.read(), {"copies": copies})

    async def list_taken(self, request: web.Request) -> web.Response:
        """Answer a page of notifications, of one campaign where it is named, each `due` or `sent`."""
        taken = _of_campaign(request, self._notifications.values())
        return page_of(request, [{**one, "status": self._status(one)} for one in taken])

    async def remove_due(self, request: web.Request) -> web.Response:
        """Remove those of `?campaign_id` that are due; what was sent stays. Again removes none."""
        if "campaign_id" not in request.query:
            return web.json_response({"error": "campaign_id is required"}, status=400)
        due = [one for one in _of_campaign(request, self._notifications.values()) if self._is_due(one)]
        for one in due:
            self._notifications.remove(f"{one['campaign_id']}\x00{one['customer_id']}")
        return web.json_response({"removed": len(due)})

    def _status(self, notification: dict[str, Any]) -> str:
        return "due" if self._is_due(notification) else "sent"

    def _is_due(self, notification: dict[str, Any]) -> bool:
        return datetime.fromisoformat(notification["send_at"]) > self._clock()


def _names(body: dict[str, Any]) -> tuple[str, str] | None:
    campaign_id, customer_id = body.get("campaign_id"), body.get("customer_id")
    if isinstance(campaign_id, str) and isinstance(customer_id, str) and campaign_id and customer_id:
        return campaign_id, customer_id
    return None


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _needs_names() -> web.Response:
    return web.json_response({"error": "campaign_id and customer_id must be texts"}, status=400)


def _of_campaign(request: web.Request, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    campaign_id = request.query.get("campaign_id")
    return [one for one in entries if campaign_id is None or one["campaign_id"] == campaign_id]
