"""Stand-ins for APIs that the examples sync, each after its public documentation: pages, limits and errors.

They answer through the scripted server, over real sockets, and hold state that a test changes between syncs.
Their second is shorter than ours (`second_s`), so that limits are met in short tests.
"""
