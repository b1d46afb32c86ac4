"""`port-linker demo`: the whole main job on a target of its own, with nothing to set up.

main.py is the play, target.py the target's own process (services.py in a network of namespace.py),
join.py the command that gives a shell there.
"""
