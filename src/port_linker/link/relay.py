"""The path of last resort: a sidecar's QUIC packets as frames of the stdio link. Python 3.9.

Both ends of the stdio link have one. A packet that finds no room is dropped, as a router would;
QUIC's congestion control sees to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import Callable, Optional

from port_linker.errors import PortLinkerError
from port_linker.link import control
from port_linker.link.sidecar import Sidecar

logger = logging.getLogger(__name__)

BURST = 64  # packets in one turn of the loop
MAX_PACKET_BYTES = 65_535
BUFFER_BYTES = 256 * 1024  # asked for on both ends; more would only be delay


class Relay:
    """Our end of the packet socket whose other end the sidecar has."""

    def __init__(self, send_packet: Callable[[bytes], bool]) -> None:
        """send_packet: queues one packet for the stdio link; False if it was dropped."""
        self._send_packet = send_packet
        self._loop = asyncio.get_running_loop()
        self._sock: Optional[socket.socket] = None

    def open(self) -> socket.socket:
        """Return the sidecar's end of a new socket; the caller closes its copy once it is sent."""
        self.close()
        # Sequenced packets rather than datagrams: their queue is bounded by bytes, where that of
        # datagrams holds net.unix.max_dgram_qlen packets, ten on many machines (unix(7)).
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for sock in (ours, theirs):
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self._sock = ours
        self._loop.add_reader(ours, self._on_readable)
        return theirs

    async def lay(self, sidecar: Sidecar, is_attached: bool) -> None:
        """Give the sidecar a new socket, or take the path away: the stdio link came or went."""
        try:
            if not is_attached:
                self.close()
                await sidecar.send(control.Path(False))
                return
            with self.open() as theirs:
                await sidecar.send(control.Path(True), [theirs.fileno()])
        except PortLinkerError:
            self.close()  # the sidecar has ended; its owner is notified of that elsewhere
        except OSError as error:  # no descriptor is left
            logger.warning("no path of last resort", extra={"reason": error.strerror})

    @property
    def is_open(self) -> bool:
        """Whether packets can pass."""
        return self._sock is not None

    def close(self) -> None:
        """Let no more packets pass."""
        if self._sock is not None:
            self._loop.remove_reader(self._sock)
            self._sock.close()
            self._sock = None

    def deliver(self, packet: memoryview) -> None:
        """Hand a packet that came over the stdio link to the sidecar."""
        if self._sock is not None and packet:
            with contextlib.suppress(OSError):  # full, or the sidecar has gone
                self._sock.send(packet)

    def _on_readable(self) -> None:
        for _ in range(BURST):
            if self._sock is None:
                return
            try:
                packet = self._sock.recv(MAX_PACKET_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                packet = b""
            if not packet:
                self.close()  # the sidecar has gone
                return
            self._send_packet(packet)
