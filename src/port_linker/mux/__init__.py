"""The stdio link's multiplexer: many flows over one byte pipe, which may be cut and resumed.

frames.py    header and limits of a frame; the reader of any bytes at any split   pure
journal.py   what was sent and not acknowledged; what was received                pure
credits.py   how much one flow may send; how windows grow and share a budget      pure
payloads.py  what stands inside frames: numbers, openings, JSON objects           pure
machine.py   both ends' state: calls in, frames out; frames in, events out        pure
sync.py      finds the start of a link behind the noise of an earlier one         pure
pump.py      moves bytes between the machine and two descriptors                  I/O
engine.py    the machine, its pump and its flows under one roof                   I/O
tcp.py       one TCP flow: a socket here, frames there                            I/O
"""
