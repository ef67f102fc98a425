"""`python -m sync_platform.cli` is `sync-platform`."""

from sync_platform.cli.verbs import main

main()
