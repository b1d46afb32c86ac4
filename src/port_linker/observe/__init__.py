"""What can be seen of the program at work.

counters.py  plain numbers that others add to      pure
logs.py      one log file per session, both sides  I/O
"""
