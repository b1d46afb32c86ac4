"""Gives a shell on the demo's target: `python -P -m port_linker.demo.join PID NAME`. I/O.

It is what the demo's `exec:` names: it enters the network of the target's process PID and becomes
sh, which carries the demo's mark in its environment, as does all that it starts.
"""

from __future__ import annotations

import os
import sys

from port_linker.demo.leftovers import MARK
from port_linker.demo.namespace import join_network
from port_linker.demo.wire import LOOPBACK

SHELL = "/bin/sh"
# As sshd(8) says from where and to where it was reached; UDP takes the same way (wire.py).
SSH_CONNECTION = f"{LOOPBACK} 0 {LOOPBACK} 0"


def main(words: list[str] | None = None) -> int:
    """Become a shell on the target; return only if that is not possible."""
    pid, name = sys.argv[1:] if words is None else words
    try:
        join_network(int(pid))
        environ = {**os.environ, MARK: name, "SSH_CONNECTION": SSH_CONNECTION}
        os.execve(SHELL, ["sh"], environ)  # noqa: S606 - no shell reads words
    except OSError as error:
        sys.stderr.write(f"the demo's target cannot be entered: {error.strerror}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
