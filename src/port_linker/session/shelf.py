"""Local sockets whose service has gone, kept bound so that nobody else takes the port. I/O.

Whoever connects meanwhile is reset, and datagrams are thrown away: a client of a service that is
gone must not send its words to a stranger (--hold).
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import struct
from collections import OrderedDict

from port_linker.model import Proto
from port_linker.ports.types import Local

logger = logging.getLogger(__name__)
MAX_SHARE = 4  # a quarter of the descriptors at most
MAX_AT_ONCE = 64  # connections or datagrams, before the loop has its turn
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: RST instead of FIN

Key = tuple[Proto, Local]


def shelf_limit(max_services: int) -> int:
    """Return how many sockets may be kept: two for each service, as far as descriptors allow."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(2, min(2 * max_services, soft // MAX_SHARE))


class Shelf:
    """The sockets that are kept. Past the limit the one that has been there longest is freed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._socks: OrderedDict[Key, socket.socket] = OrderedDict()
        self._loop = asyncio.get_running_loop()

    def __contains__(self, key: Key) -> bool:
        return key in self._socks

    def put(self, proto: Proto, local: Local, sock: socket.socket) -> None:
        """Keep a socket that no link reads any more."""
        self._socks[proto, local] = sock
        refuse = _reset_some if proto is Proto.TCP else _drop_some
        self._loop.add_reader(sock, refuse, sock)
        if len(self._socks) > self._limit:
            (_, freed), oldest = self._socks.popitem(last=False)
            logger.warning("too many ports are held, one is freed", extra={"local": freed.text})
            self._close(oldest)

    def take(self, proto: Proto, local: Local) -> socket.socket | None:
        """Return a socket that is kept there: its service is back, or another one has come."""
        sock = self._socks.pop((proto, local), None)
        if sock is not None:
            self._loop.remove_reader(sock)
            (_reset_some if proto is Proto.TCP else _drop_some)(sock)  # who came too early
        return sock

    def close(self) -> None:
        """Free all of them."""
        for sock in self._socks.values():
            self._close(sock)
        self._socks.clear()

    def _close(self, sock: socket.socket) -> None:
        self._loop.remove_reader(sock)
        sock.close()


def _reset_some(sock: socket.socket) -> None:
    for _ in range(MAX_AT_ONCE):
        try:
            connection, _ = sock.accept()
        except OSError:  # nobody is left, or no descriptor: the next turn tries again
            return
        with connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)


def _drop_some(sock: socket.socket) -> None:
    for _ in range(MAX_AT_ONCE):
        try:
            sock.recv(1)
        except BlockingIOError:
            return
        except OSError:
            continue  # an error of an earlier answer; it is read by this
