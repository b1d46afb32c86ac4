"""Brings the agent to the target and opens the channel to it (stands on ssh).

settings.py   what a connection needs to know; what it reports       pure
stage0.sh     runs first on the target: what is there                target, POSIX sh
report.py     its report, parsed                                     pure
plan.py       which Python, which directories; or what is missing    pure
manifest.py   which files the agent consists of                      pure
bundle.py     those files as one zip, the same bytes each time       I/O (reads our own files)
header.py     the line that tells the attacher what to do            pure
attacher.py   answers the host, watches over the agent               target, Python 3.9
opener.py     starts or finds the agent, hands it the channel        target, Python 3.9
supply.py     the files that an attacher starts agents from          target, Python 3.9
handle.py     a running agent as its attacher sees it                target, Python 3.9
cache.py      the bundle's file on the target                        target, Python 3.9
bytecode.py   its byte code, kept beside it                          target, Python 3.9
replies.py    the attacher's lines, parsed                           pure
faults.py     why a channel did not open, in words                   pure
channel.py    the open channel: socket, child, what happens to it    I/O
words.py      what ssh says while it logs in                         I/O (a timer)
connect.py    the steps from HOST to an open channel                 I/O
"""
