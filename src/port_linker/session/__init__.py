"""All that one command does for one target, from start to exit.

events.py    what happened, for every reader (table, lines, JSON)    pure
snapshot.py  the picture that those events add up to                 pure
backoff.py   when the next attempt to connect is due                 pure
machine.py   events in, commands out: the life of the session        pure
runner.py    the one place that carries commands out                 I/O
"""
