"""What carries flows between host and agent: the mux over ssh's pipe, or QUIC.

interface.py  what a link is, for its users                          pure
choose.py     which link new flows take                              pure
mux_link.py   the stdio link: host end                               I/O
"""
