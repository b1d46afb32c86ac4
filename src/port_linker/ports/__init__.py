"""Decide which services are bound on this machine and where, and resolve conflicts about ports.

events.py      what happened: services, binds, links, orders             pure
machine.py     events in, commands out: the one entrance of the room     pure
services.py    merges the sockets of one process into one service        pure
placement.py   places each service on local addresses                    pure
rivals.py      decides which services of one port get it                 pure
allocation.py  gives each address once, finds other ports for guests     pure
policy.py      decides whether a service is mirrored: rules and answers  pure
rules.py       parses and matches --only, --skip, --allow and --map      pure
capacity.py    limits how many services are bound, queues the others     pure
binding.py     the state of each service here, and the one reported      pure
conflicts.py   what is done when a port is held on this machine          pure
questions.py   asks a person, once each                                  pure
timers.py      retries, and the ends of graces                           pure
reconcile.py   the difference of bindings and placements, as commands    pure
commands.py    what the session carries out                              pure
types.py       the values that these files share                         pure
os/            what the system does: sockets, holders, kills             I/O
"""
