"""Which services are bound on this machine, where, and what happens when a port is taken.

facts.py     the words: local address, holder, options, verdict      pure
rules.py     --only, --skip, --allow, --map as a person writes them  pure
defaults.py  what is left out without being asked, and why           pure
merge.py     which sockets of the target are one service         pure
families.py  which service of one port gets which local family       pure
remap.py     which other port stands in for one that cannot be had   pure
answers.py   what a person chose, for the session                    pure
claims.py    that no local address is given away twice               pure
groups.py    where each service would be bound, were there room      pure
room.py      how many services fit, and who waits                    pure
plan.py      groups and room together, change by change              pure
shapes.py    its verdict in words                                pure
licence.py   when a holder may be ended without asking           pure
conflict.py  the sentences and choices when a port is taken          pure
events.py    what the machine is told                                pure
commands.py  what the machine wants done                             pure
graces.py    when a service that is gone is given up                 pure
entry.py     one service as the machine knows it, and its state      pure
retries.py   when which service is tried again                       pure
disputes.py  what is done about ports that are held here             pure
questions.py what a person is asked, once each                       pure
settle.py    what is against what shall be, as commands              pure
machine.py   events in, commands out                                 pure
sockets.py   the sockets on loopback, and what this machine allows   I/O
holder.py    who holds a local port                                  I/O
kill.py      ends the holder of a port, and nobody else              I/O
peer.py      whose process a local connection comes from             I/O
remember.py  other ports that stood in last time, by target          I/O
"""
