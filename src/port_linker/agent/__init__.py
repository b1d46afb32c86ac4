"""The program that runs on the target: standard library only, Python 3.9 or later.

dial.py      which addresses reach a service                              pure
dialer.py    connects to one of several addresses                         I/O
lease.py     how long the agent may go on without word from the host     pure
machine.py   what to tell the host, and when to end                      pure
door.py      the sockets on which attachers hand over a channel          I/O
flows.py     opens flows: dials the service that the host asked for      I/O
outlog.py    sends the log to the host                                I/O
watch.py     scans, at a pace that follows the cost                      I/O
runner.py    the one place that carries commands out                     I/O
__main__.py  the start
"""
