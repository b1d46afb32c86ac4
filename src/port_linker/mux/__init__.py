"""The stdio link's multiplexer: many flows over one byte pipe, which may be cut and resumed.

frames.py    header and limits of a frame; the reader of any bytes at any split   pure
journal.py   what was sent and not acknowledged; what was received                pure
credits.py   how much one flow may send; how windows grow and share a budget      pure
payloads.py  what stands inside frames: numbers, openings, JSON objects           pure
machine.py   both ends' state: calls in, frames out; frames in, events out        pure
sync.py      finds the start of a link behind the noise of an earlier one         pure
pump.py      moves bytes between the machine and two descriptors                  I/O
engine.py    the machine, its pump and its flows under one roof                   I/O
tcp.py       one TCP flow: a socket here, frames there; how it ends               I/O
reader.py    its direction from the socket to the link                            I/O
writer.py    its direction from the link to the socket                            I/O
backlog.py   what a socket has not taken yet                                      I/O
ending.py    a reset that waits until its reader has everything                   I/O
patience.py  how long something that does not move is waited for                  I/O
udp.py       UDP on the host: a bound socket and its clients                      I/O
udp_target.py UDP on the agent: a connected socket for each client                I/O
watch.py     errors of sockets that nobody reads at the moment                    I/O
"""
