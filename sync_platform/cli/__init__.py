"""The command line: `verbs` are thin, `up` runs everything on this machine, the others serve the two.

Here belongs what a person at a terminal meets: arguments, exit codes, progress, accounts, processes. A verb
launches the same Dagster job on the same instance that the UI shows.
"""
