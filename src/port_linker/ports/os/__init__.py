"""Carry out on this machine what the port machine decides, and read what it needs.

sockets.py  binds on loopback; reads what this machine allows    I/O
holder.py   finds the process that holds a local port            I/O
kill.py     ends the holder of a port, and no other process      I/O
peer.py     finds the user whose process a connection comes from I/O
remaps.py   stores the ports that stood in, by target            I/O
"""
