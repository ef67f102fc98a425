"""json-server 0.17, a server that nobody here wrote: how the acceptance tests install and run it."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

VERSION = "0.17.4"
HOST = "127.0.0.1"


def installed(config: pytest.Config) -> tuple[str, str]:
    """Return what starts json-server: Node, and the program; npm puts it into pytest's cache folder once."""
    folder = config.cache.mkdir(f"json-server-{VERSION}") if config.cache else Path()
    npm = shutil.which("npm")
    node = shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Node.js with npm is not installed, and json-server is a Node program")
    program = folder / "node_modules" / "json-server" / "lib" / "cli" / "bin.js"
    if not program.exists():
        options = ("--prefix", str(folder), "--cache", str(folder / "npm"), "--no-audit", "--no-fund")
        subprocess.run((npm, "install", *options, f"json-server@{VERSION}"), check=True)
    return node, str(program)


@contextmanager
def serving(command: tuple[str, str], file: Path) -> Iterator[str]:
    """Serve a file of records; lends the URL."""
    url = f"http://{HOST}:{_free_port()}"
    options = ("--host", HOST, "--port", url.rpartition(":")[2])
    with subprocess.Popen((*command, *options, str(file)), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert any(line.strip() == url for line in server.stdout), "json-server ended before it served"
            yield url
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
