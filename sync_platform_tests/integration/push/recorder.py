"""A receiver in a process of its own that does nothing but write down when each request came.

The scripted server shares its interpreter with the test and tells times that are milliseconds late. This one
sleeps in the kernel until a request is there. `python -m …` prints its port, and after its standard input is
closed the moments, in seconds, as JSON.
"""

import json
import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise

_TAKEN = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
_HEAD = re.compile(rb"content-length: *(\d+)\r\n(?:[^\r\n]+\r\n)*\r\n", re.IGNORECASE)


@dataclass(slots=True)
class Recorder:
    """Where to send to; `gaps_s` is known when the `with` has ended."""

    url: str
    moments_s: list[float] = field(default_factory=list)

    @property
    def gaps_s(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.moments_s)]


@contextmanager
def recorder() -> Iterator[Recorder]:
    """Run a recorder."""
    command = (sys.executable, "-m", __name__)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            running = Recorder(f"http://127.0.0.1:{process.stdout.readline().strip()}/customers")
            yield running
            said, _ = process.communicate(timeout=10)
            running.moments_s = json.loads(said)
        finally:
            process.kill()


def main() -> None:
    # Where it is allowed (root), being scheduled first makes its clock better still.
    with suppress(OSError):
        os.nice(-15)
    moments_s: list[float] = []
    received: dict[socket.socket, bytes] = {}
    with selectors.DefaultSelector() as selector, socket.create_server(("127.0.0.1", 0)) as server:
        selector.register(server, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    sys.stdout.write(json.dumps(moments_s))
                    return
                if key.fileobj is server:
                    peer, _ = server.accept()
                    selector.register(peer, selectors.EVENT_READ)
                    received[peer] = b""
                    continue
                assert isinstance(key.fileobj, socket.socket)
                _take(key.fileobj, received, moments_s, selector)


def _take(
    peer: socket.socket,
    received: dict[socket.socket, bytes],
    moments_s: list[float],
    selector: selectors.BaseSelector,
) -> None:
    came_s = time.monotonic()
    try:
        came = peer.recv(65_536)
    except OSError:
        came = b""
    if not came:
        selector.unregister(peer)
        peer.close()
        return
    received[peer] += came
    head = _HEAD.search(received[peer])
    if head and len(received[peer]) >= head.end() + int(head[1]):
        moments_s.append(came_s)
        received[peer] = b""
        peer.sendall(_TAKEN)


if __name__ == "__main__":
    main()
