"""The version of the wire between host and agent. Pure; runs on Python 3.9.

It grows when an old agent could not talk to a new host; the host then replaces the agent.
"""

WIRE_VERSION = 1
