"""Bodies are decoded piece by piece, whatever pieces they come in."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import aiohttp
import pytest

from sync_platform.api.body import read_body
from sync_platform.api.failures import BodyTooLargeError
from sync_platform.vocabulary import PermanentError

TEXT = b'[{"id": 1}, {"id": 2}]' * 50


def bare(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def read(content: bytes, encoding: str = "", *, piece: int = 7, max_body_mb: float = 1) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), piece):
            yield content[start : start + piece]

    reply = SimpleNamespace(headers={"Content-Encoding": encoding}, content=SimpleNamespace(iter_any=pieces))
    response = cast("aiohttp.ClientResponse", reply)
    return asyncio.run(read_body(response, max_body_mb=max_body_mb, description="GET /things"))


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT[:30]) + gzip.compress(TEXT[30:])),
        ("x-gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare(TEXT)),
        ("identity, gzip", gzip.compress(TEXT)),
    ],
)
def test_every_encoding_that_is_offered_is_undone(encoding: str, content: bytes, piece: int) -> None:
    assert read(content, encoding, piece=piece) == TEXT


def test_an_empty_body_is_empty() -> None:
    assert read(b"") == read(b"", "gzip") == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate, gzip"])
def test_what_was_not_offered_is_refused(encoding: str) -> None:
    with pytest.raises(PermanentError, match="compressed"):
        read(TEXT, encoding)


@pytest.mark.parametrize("content", [gzip.compress(TEXT)[:-9], zlib.compress(TEXT)[:20], b"no gzip at all"])
def test_what_is_cut_short_or_garbled_is_no_body(content: bytes) -> None:
    with pytest.raises(zlib.error):
        read(content, "gzip")


@pytest.mark.parametrize("piece", [10, 100_000])
@pytest.mark.parametrize(("encoding", "pack"), [("", bytes), ("gzip", gzip.compress), ("deflate", bare)])
def test_the_cap_counts_decoded_bytes_and_the_last_one_that_fits_passes(
    encoding: str, pack: object, piece: int
) -> None:
    assert callable(pack)
    fits = b"a" * 2**10
    assert read(pack(fits), encoding, piece=piece, max_body_mb=2**-10) == fits
    with pytest.raises(BodyTooLargeError, match="larger than"):
        read(pack(fits + b"a"), encoding, piece=piece, max_body_mb=2**-10)
