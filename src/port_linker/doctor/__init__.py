"""`port-linker doctor HOST`: each stage on the way to HOST, what it found, and what to try.

checks.py and judge.py decide, opening.py and probe.py look, main.py is the order of things.
"""
