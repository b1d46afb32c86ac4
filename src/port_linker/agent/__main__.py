"""The start of the agent: `python -I -S BUNDLE --control-fd N`. Runs on Python 3.9.

It reads one line {"start": …} from the control socket, then serves the channel that follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import sys
from typing import Any

from port_linker.agent.door import receive_line
from port_linker.agent.runner import AgentRunner


def main(arguments: list[str] | None = None) -> int:
    """Run until the host says goodbye or the lease ends; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if len(words) < 2 or words[-2] != "--control-fd" or not words[-1].isdecimal():
        sys.stderr.write("port-linker's agent is started by port-linker, not by hand\n")
        return 2
    with socket.socket(fileno=int(words[-1])) as control:
        try:
            start = dict(receive_line(control)[0]["start"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            sys.stderr.write(f"port-linker's agent was not told what to do: {error!r}\n")
            return 1
        raise_descriptor_limit()
        asyncio.run(serve(start, control))
    return 0


async def serve(start: dict[str, Any], control: socket.socket) -> None:
    """Build the runner inside the event loop and run it."""
    await AgentRunner(start).run(control)


def raise_descriptor_limit() -> None:
    """Use the descriptors that the hard limit allows; each flow takes one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
