"""What the push benchmark measures, each in a process of its own: our push, and bare posts of the bodies.

`ours` runs the engine with its ledger; `bare` is httpx on the httpx-aiohttp transport and nothing else: no
ledger, no key, no retry. Both print `{seconds, …}` as JSON. `DATABASE_URL` names the database.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport

from sync_platform.push.push import run_push
from sync_platform.push.reports import PushContext
from sync_platform.push.spec import ApiPushSpec
from sync_platform.warehouse.address import DatabaseAddress
from sync_platform.warehouse.connect import connect

BODY = {"id": "{customer_id}", "email": "{email}", "name": "{name}", "status": "{status}"}


def ours(url: str, in_flight: int) -> dict[str, Any]:
    """Push all customers unpaced; seconds from the plan to the closed books."""
    spec = ApiPushSpec.model_validate(
        {
            "source": "push/customers",
            "key": "customer_id",
            "request": {"url": url, "json": BODY},
            "pace": {"wait_s": 0},
            "max_in_flight": in_flight,
        }
    )
    context = PushContext(
        spec=spec,
        target="customer_push",
        address=_address(),
        environment={},
        run_id="benchmark",
        log=lambda _: None,
        now=lambda: datetime.now(UTC),
    )
    report = run_push(context)
    return {"seconds": report.duration_seconds, "delivered": report.account.delivered}


def bare(url: str, in_flight: int) -> dict[str, Any]:
    """Post the same bodies, read from the database beforehand."""
    with connect(_address()) as connection:
        found = connection.execute("select customer_id, email, name, status from customers order by 1")
        bodies = [
            json.dumps(dict(zip(("id", "email", "name", "status"), row, strict=True)), separators=(",", ":"))
            for row in found
        ]
    began_s = time.perf_counter()
    asyncio.run(_post_all(url, [body.encode() for body in bodies], in_flight))
    return {"seconds": time.perf_counter() - began_s, "delivered": len(bodies)}


async def _post_all(url: str, bodies: list[bytes], in_flight: int) -> None:
    left = iter(bodies)
    transport = AiohttpTransport(limits=httpx.Limits(max_connections=in_flight))
    async with httpx.AsyncClient(transport=transport) as client:

        async def post(bodies: Iterator[bytes]) -> None:
            for body in bodies:
                reply = await client.post(url, content=body, headers={"Content-Type": "application/json"})
                reply.raise_for_status()

        await asyncio.gather(*(post(left) for _ in range(in_flight)))


def _address() -> DatabaseAddress:
    return DatabaseAddress.parse(os.environ["DATABASE_URL"])


def main() -> None:
    """Measure one of the two and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("ours", "bare"))
    parser.add_argument("url")
    parser.add_argument("in_flight", type=int)
    options = parser.parse_args()
    measured = {"ours": ours, "bare": bare}[options.kind](options.url, options.in_flight)
    sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    main()
