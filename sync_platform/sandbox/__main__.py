"""`python -m sync_platform.sandbox`: serve the sandbox until Ctrl-C.

The first line of standard output is one JSON object with the environment variables that it stands in for,
written when requests are answered.
"""

import argparse
import asyncio
import json
import sys

from sync_platform.sandbox.server import HOST, SandboxOptions, serve


def main() -> int:
    """Serve until SIGINT or SIGTERM; exits with 2 where the port is taken."""
    options = _parse(sys.argv[1:])
    try:
        asyncio.run(serve(options, _announce))
    except OSError as error:
        sys.stderr.write(
            f"The sandbox cannot listen on {HOST}:{options.port}: {error.strerror}. Use --port.\n"
        )
        return 2
    return 0


def _announce(environment: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(environment) + "\n")
    sys.stdout.flush()


def _parse(arguments: list[str]) -> SandboxOptions:
    defaults = SandboxOptions()
    parser = argparse.ArgumentParser(prog="python -m sync_platform.sandbox", description=__doc__)
    parser.add_argument("--users", type=_positive, default=defaults.users, help="people at the start")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="another seed gives other people")
    parser.add_argument(
        "--latency-ms", type=float, default=defaults.latency_ms, help="wait before each answer"
    )
    parser.add_argument("--port", type=int, default=defaults.port, help="0 takes a free one")
    parser.add_argument("--token", default=defaults.token, help="the bearer token that is asked for")
    parser.add_argument("--static", dest="is_static", action="store_true", help="nobody changes or joins")
    return SandboxOptions(**vars(parser.parse_args(arguments)))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
