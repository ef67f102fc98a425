"""A reply's body: read as it comes, decoded as it comes, and given up where it passes the cap.

Decoding is done here and not by the HTTP library, because a few compressed bytes can unfold to gigabytes
before a library hands out the first of them.
"""

import zlib
from collections.abc import Iterator

import aiohttp

from sync_platform.api.failures import BodyTooLargeError
from sync_platform.vocabulary import PermanentError

OFFERED_ENCODINGS = "gzip, deflate"
_BYTES_PER_MB = 2**20
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_ZLIB_METHOD = 8  # in the low half of the first byte (RFC 1950, 2.2); a bare deflate stream has none


async def read_body(response: aiohttp.ClientResponse, *, max_body_mb: float, description: str) -> bytes:
    """Return the decoded body.

    Raises:
        TransportErrors: see `failures`; what came until then was dropped.
        BodyTooLargeError: it passes `max_body_mb` (MiB, decoded).
        PermanentError: it is encoded in a way that was not offered, or more than once.
    """
    unfolding = _unfolding(response.headers.get("Content-Encoding", ""), description)
    most = int(max_body_mb * _BYTES_PER_MB)
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        for part in [chunk] if unfolding is None else unfolding.parts(chunk, most + 1):
            parts.append(part)
            size += len(part)
            if size > most:
                raise BodyTooLargeError(
                    f"{description}: the reply is larger than {max_body_mb:g} MiB decoded; "
                    "lower page_size, or raise max_body_mb"
                )
    if unfolding is not None:
        unfolding.finish()
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unfolding(encoding: str, description: str) -> "_Unfolding | None":
    """What undoes the body's encoding, or None where there is nothing to undo."""
    names = [name for part in encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(names) > 1:
        # Each layer multiplies by a thousand before the cap can see it.
        raise PermanentError(f"{description}: the reply is compressed more than once, which is not read")
    if names and names[0] not in ("gzip", "x-gzip", "deflate"):
        raise PermanentError(
            f"{description}: the reply is compressed otherwise than asked for ({OFFERED_ENCODINGS})"
        )
    return _Unfolding() if names else None


class _Unfolding:
    """Decompresses gzip, zlib or bare deflate, piece by piece."""

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None

    def parts(self, chunk: bytes, most: int) -> Iterator[bytes]:
        """Yield what a chunk unfolds to, in pieces of at most `most` bytes.

        Raises:
            zlib.error: it is no compressed data.
        """
        while chunk:
            if self._stream is None or self._stream.eof:  # a gzip file may have several members
                is_bare = chunk[0] & 0x0F != _ZLIB_METHOD and chunk[0] != 0x1F  # noqa: PLR2004 -- gzip's magic byte
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS if is_bare else _GZIP_OR_ZLIB)
            yield self._stream.decompress(chunk, most)
            chunk = self._stream.unconsumed_tail or self._stream.unused_data

    def finish(self) -> None:
        """Refuse a stream that was cut short.

        Raises:
            zlib.error: its end has not come.
        """
        if self._stream is not None and not self._stream.eof:
            raise zlib.error("the stream ends early")
