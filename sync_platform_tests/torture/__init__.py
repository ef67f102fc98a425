"""Long tests that break a sync at every place, run by `make torture`; short samples stand in `integration`.

Here belong the machinery of both (a wire that can be cut, a run that can be killed, a source that never
stands still) and the long versions: `crash_matrix` and `moving_simulation`, whose names keep them out of
`make test`. Each case names its seed; one is run again alone by its id.
"""
