"""Gives a shell on the demo's target: `python -P -m port_linker.demo.join PID NAME`. I/O.

It is what the demo's `exec:` names: it enters the network of the target's process PID and becomes
sh, which carries the demo's mark in its environment, as does all that it starts.
"""

from __future__ import annotations

import os
import sys

from port_linker.demo.leftovers import MARK
from port_linker.demo.namespace import join_network

SHELL = "/bin/sh"


def main(words: list[str] | None = None) -> int:
    """Become a shell on the target; return only if that is not possible."""
    pid, name = sys.argv[1:] if words is None else words
    try:
        join_network(int(pid))
        os.execve(SHELL, ["sh"], {**os.environ, MARK: name})  # noqa: S606 - no shell reads words
    except OSError as error:
        sys.stderr.write(f"the demo's target cannot be entered: {error.strerror}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
