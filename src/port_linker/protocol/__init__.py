"""What host and agent say to each other in control messages, and which version they speak.

messages.py  the objects of control frames, made and checked   pure
version.py   the wire's version                                pure
"""
