"""Benchmarks: how fast and how large real runs are, beside what the database alone allows.

Here belong programs that measure and print; nothing here passes or fails by its speed, because machines
differ. `python -m sync_platform_tests.benchmarks` runs them all.
"""
