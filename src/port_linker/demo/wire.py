"""The UDP path to a target in a private network: loopback out here to loopback in there. I/O.

Nobody may lay a real wire into such a network without root. A socket stays in the network it was
made in, so this process opens one before it moves, and passes datagrams on between the two.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

LOOPBACK = "127.0.0.1"
MAX_CLIENTS = 8  # the session's sidecar, those of attempts before it, and a few strangers
BATCH = 64  # datagrams per turn of the loop and direction
MAX_BYTES = 65_535
BUFFER_BYTES = 1 << 20

Address = tuple[str, int]


class Wire:
    """Passes datagrams on between localhost:port outside and localhost:port inside.

    Make it outside, `open` it inside, in the loop of the process that has moved meanwhile. Raises
    OSError where the port is not free.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._outside = _make_socket()
        self._clients: dict[Address, socket.socket] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        try:
            self._outside.bind((LOOPBACK, port))
        except OSError:
            self._outside.close()
            raise

    def open(self) -> None:
        """Begin to pass datagrams on."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._outside, self._take_outside)

    def close(self) -> None:
        """Stop, and free the port."""
        for sock in [self._outside, *self._clients.values()]:
            if self._loop is not None:
                self._loop.remove_reader(sock)
            sock.close()
        self._clients.clear()

    def _take_outside(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(BATCH):
                data, client = self._outside.recvfrom(MAX_BYTES)
                self._send(self._inside(client), data)

    def _inside(self, client: Address) -> socket.socket:
        """Return the socket inside that stands for a client; past the limit the oldest goes."""
        sock = self._clients.pop(client, None) or self._make_inside(client)
        self._clients[client] = sock
        return sock

    def _make_inside(self, client: Address) -> socket.socket:
        loop = asyncio.get_running_loop()
        if len(self._clients) >= MAX_CLIENTS:
            oldest = self._clients.pop(next(iter(self._clients)))
            loop.remove_reader(oldest)
            oldest.close()
        sock = _make_socket()
        sock.connect((LOOPBACK, self._port))
        loop.add_reader(sock, self._take_inside, sock, client)
        return sock

    def _take_inside(self, sock: socket.socket, client: Address) -> None:
        with contextlib.suppress(OSError):
            for _ in range(BATCH):
                self._send(self._outside, sock.recv(MAX_BYTES), client)

    def _send(self, sock: socket.socket, data: bytes, *to: Any) -> None:
        with contextlib.suppress(OSError):  # as on any network: what finds no room is lost
            sock.sendto(data, *to) if to else sock.send(data)


def _make_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
    return sock
