"""The way to the agent's own door through a connected sidecar, while ssh is gone. I/O.

The counterpart of relay.py: there the stdio link carries QUIC, here QUIC carries the stdio link.
Whoever comes in shows the session's token, as a new ssh would.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field

from port_linker.link import control
from port_linker.link.faults import SidecarFailed
from port_linker.link.sidecar import Sidecar

SYNC_BYTES = 16


@dataclass(frozen=True)
class Pass:
    """What the agent asks for at its door. sync: what the link begins with, SYNC_BYTES long."""

    token: str = field(repr=False)
    host: str
    version: str
    sync: bytes

    def encode(self) -> bytes:
        """Return the line. The agent's answer to it stands before the sync and is skipped."""
        names = {"token": self.token, "host": self.host, "version": self.version}
        attach = {**names, "sync": self.sync.hex(), "carried": True}
        return json.dumps({"attach": attach}).encode() + b"\n"


async def enter_door(sidecar: Sidecar, card: Pass) -> socket.socket:
    """Return our end of a stream to the agent, which was shown the pass.

    Refused or not, is known from what the stream brings. Raises SidecarFailed.
    """
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        raise SidecarFailed("start", f"no stream to the agent: {error.strerror}") from error
    try:
        ours.setblocking(False)
        ours.send(card.encode())  # well below a socket's buffer
        await sidecar.send(control.Enter(), [theirs.fileno()])
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours
