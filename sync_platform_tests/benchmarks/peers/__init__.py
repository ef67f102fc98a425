"""The peers' own programs. Each is run as a file by the peers' Python and imports nothing of ours."""
