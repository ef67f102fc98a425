"""URLs: joining, comparing origins, and showing one without what it carries.

Here belongs what may be followed; who follows it is the client's and the paginators' business.
"""

from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from sync_platform.api.failures import ForeignOriginError
from sync_platform.vocabulary import SettingsError

_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=64)
def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an absolute URL (RFC 6454), with the scheme's own port filled in.

    Raises:
        ValueError: the port is none.
    """
    parts = urlsplit(url)
    return (
        parts.scheme.lower(),
        (parts.hostname or "").lower(),
        parts.port or _DEFAULT_PORTS.get(parts.scheme),
    )


def same_origin(base_url: str, url: str) -> bool:
    """Return whether an absolute URL stays on the scheme, host and port of `base_url`; False for garbage."""
    try:
        return origin(base_url) == origin(url) and "\\" not in url
    except ValueError:
        return False


def shown_origin(url: str) -> str:
    """Return `scheme://host:port` for a message: no user, no path, no query."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that is no URL"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def require_base_url(url: str) -> str:
    """Return `url` without a trailing slash.

    Raises:
        SettingsError: it is not an absolute http(s) URL, or holds a user, password, query or fragment.
    """
    try:
        scheme, host, _ = origin(url)
        has_user = "@" in urlsplit(url).netloc
    except ValueError:
        scheme = host = ""
        has_user = False
    if scheme not in _DEFAULT_PORTS or not host:
        raise SettingsError(
            "base_url is not an absolute http:// or https:// URL; check the variable it comes from"
        )
    if has_user:
        raise SettingsError(
            "base_url holds a user or password; leave them out and use auth: {type: basic, ...}"
        )
    if "?" in url or "#" in url:
        raise SettingsError("base_url holds a query or fragment; move it to request.params")
    return url.rstrip("/")


def absolute(base_url: str, url: str) -> str:
    """Return a request's URL: a path is put below `base_url`, an absolute URL on the same origin stays.

    Raises:
        ForeignOriginError: it is absolute and leads elsewhere.
    """
    if "://" not in url.partition("?")[0]:
        return f"{base_url.rstrip('/')}/{url.lstrip('/')}" if url else base_url
    return _stay(base_url, url)


def follow(base_url: str, here: str, link: str) -> str:
    """Return the absolute URL of a link that a server sent, resolved as RFC 3986 says.

    A link that is only a query (`?page=2`) is relative to `here`, the page it stands on; any other relative
    link to `base_url`, below which an API's addresses stand.

    Raises:
        ForeignOriginError: it leads to another host, scheme or port.
    """
    base = here if link.startswith("?") else f"{base_url.rstrip('/')}/"
    try:
        target = urljoin(base, link)
    except ValueError:
        target = link
    return _stay(base_url, target)


def _stay(base_url: str, url: str) -> str:
    if not same_origin(base_url, url):
        raise ForeignOriginError(
            f"the API leads from {shown_origin(base_url)} to {shown_origin(url)}, where nothing was sent; "
            "if that is the API's new address, set base_url to it"
        )
    return urlunsplit(urlsplit(url)._replace(fragment=""))


def with_params(url: str, params: tuple[tuple[str, str], ...], *, replacing: bool = False) -> str:
    """Return `url` with query parameters added; `replacing` first drops those of the same names."""
    if not params:
        return url
    if "?" not in url and "#" not in url:
        return f"{url}?{urlencode(params)}"
    parts = urlsplit(url)
    kept = parts.query
    if replacing:
        names = {name for name, _ in params}
        kept = urlencode([p for p in parse_qsl(kept, keep_blank_values=True) if p[0] not in names])
    query = "&".join(filter(None, (kept, urlencode(params))))
    return urlunsplit(parts._replace(query=query))


def without_params(url: str, names: frozenset[str]) -> str:
    """Return `url` without the query parameters of these names."""
    if "?" not in url:
        return url
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] in names]
    if not kept:
        return url
    rest = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in names]
    return urlunsplit(parts._replace(query=urlencode(rest)))


def param_names(url: str) -> tuple[str, ...]:
    """Return the names of a URL's query parameters, in order, each once."""
    return tuple(dict.fromkeys(name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)))
