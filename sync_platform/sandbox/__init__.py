"""A local stand-in for the outside systems, for `make run`, tests and benchmarks.

What the source of users holds stands in `users`, and what it answers in `users_api`. `customers_api` and
`campaigns_api` receive; what they remember stands in `received`. `faults` lets a test break a system for a
while. `server` serves them all on one loopback port. Nothing outside the CLI and the tests imports this room,
and nobody in it is real: names are made up and all mail is at example.com.
"""
