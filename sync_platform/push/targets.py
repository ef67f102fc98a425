"""Where a push may not go: link-local and cloud-metadata addresses, by name and by what a name resolves to.

Here belongs the refusal. Loopback and private addresses are allowed, because receivers stand there; what is
refused hands out a machine's credentials to whoever asks.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from sync_platform.vocabulary import SettingsError

_FORBIDDEN_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32"),
    )
)
_FORBIDDEN_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})


class ForbiddenTargetError(SettingsError):
    """The URL leads to a link-local or cloud-metadata address; nothing was sent there."""


def require_allowed_target(url: str) -> None:
    """Make sure that a URL leads nowhere forbidden, as far as its text tells.

    Raises:
        ForbiddenTargetError: it is a link-local or cloud-metadata address or name.
    """
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host in _FORBIDDEN_NAMES or host.startswith("instance-data.") or is_forbidden_address(_spelled(host)):
        raise ForbiddenTargetError(
            "The push's URL leads to a link-local or cloud-metadata address, where nothing is sent. "
            "Check request.url and the variable it comes from."
        )


def is_forbidden_address(text: str) -> bool:
    """Say whether an IP address is link-local or hands out cloud metadata, mapped into IPv6 included."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in _FORBIDDEN_NETWORKS if network.version == mapped.version)


class GuardedResolver(AbstractResolver):
    """Resolves names as usual and refuses forbidden addresses at the moment of connecting.

    Checked there, a name that changes its address between check and use does not get through.
    """

    def __init__(self) -> None:
        self._resolver = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            ForbiddenTargetError: one of them is forbidden; not retryable.
        """
        found = await self._resolver.resolve(host, port, family)
        if any(is_forbidden_address(one["host"]) for one in found):
            raise ForbiddenTargetError(
                "The push's host resolves to a link-local or cloud-metadata address, where nothing is "
                "sent. Check request.url and the variable it comes from."
            )
        return found

    async def close(self) -> None:
        """Close the resolver below."""
        await self._resolver.close()


def _spelled(host: str) -> str:
    """Return an address in its usual spelling: to a resolver, 2852039166 is 169.254.169.254."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host
