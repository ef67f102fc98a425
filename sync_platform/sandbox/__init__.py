"""A local stand-in for the outside systems, for `make run`, tests and benchmarks.

Each system has its own pair of modules here: what it holds (`users.py`) and what it answers (`users_api.py`).
`server.py` serves them all on one loopback port. Nothing outside the CLI and the tests imports this room, and
nobody in it is real: names are made up and all mail is at example.com.
"""
