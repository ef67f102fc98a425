"""GET /users of GitHub: ids above `since` in order, the next page in the Link header, two kinds of limits.

After https://docs.github.com/rest/users/users#list-users and, for the limits,
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from sync_platform_tests.scripted_server import RecordedRequest, ScriptedReply, json_reply

_DOCS = "https://docs.github.com/rest"
_SECONDARY = f"{_DOCS}/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"


@dataclass
class GithubUsers:
    """The endpoint.

    Attributes:
        url: where it stands.
        users: by id.
        limited: by the number of a request, which limit it meets: `primary` or `secondary`.
    """

    url: str
    token: str
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    limited: dict[int, str] = field(default_factory=dict)
    served: int = 0

    def __call__(self, request: RecordedRequest) -> ScriptedReply:
        self.served += 1
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return json_reply({"message": "Bad credentials", "documentation_url": _DOCS}, 401)
        if not request.headers.get("user-agent"):
            return json_reply({"message": "Request forbidden by administrative rules."}, 403)
        if limit := self.limited.get(self.served):
            return self._limited(limit)
        since, size = int(request.param("since") or 0), min(int(request.param("per_page") or 30), 100)
        found = sorted(number for number in self.users if number > since)
        shown = found[:size]
        links = {"Link": self._links(shown[-1], size)} if len(found) > size else {}
        return json_reply([self.users[number] for number in shown], headers=links)

    def _links(self, last: int, size: int) -> str:
        following = f'<{self.url}/users?per_page={size}&since={last}>; rel="next"'
        return f'{following}, <{self.url}/users{{?since}}>; rel="first"'

    def _limited(self, limit: str) -> ScriptedReply:
        if limit == "primary":
            headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()))}
            return json_reply(
                {"message": "API rate limit exceeded", "documentation_url": _DOCS}, 403, headers
            )
        said = {"message": "You have exceeded a secondary rate limit.", "documentation_url": _SECONDARY}
        return json_reply(said, 403, {"retry-after": "0"})


def user(number: int, login: str) -> dict[str, Any]:
    """A simple user, with fields of the documentation that the example reads and some that it does not."""
    return {
        "login": login,
        "id": number,
        "node_id": f"MDQ6VXNlcj{number}",
        "html_url": f"https://github.com/{login}",
        "type": "Organization" if number % 7 == 0 else "User",
        "site_admin": number % 5 == 0,
    }
