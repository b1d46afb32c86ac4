"""Tells when this machine's network changes: a link, an address, a route. I/O, Linux.

rtnetlink(7) multicast groups need no privilege. Elsewhere nothing is told and the heartbeat finds
a dead link.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from port_linker.model import parse_endpoint

_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV4_ROUTE = 0x1, 0x10, 0x40
_RTMGRP_IPV6_IFADDR, _RTMGRP_IPV6_ROUTE = 0x100, 0x400
_GROUPS = (
    _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV4_ROUTE
    | _RTMGRP_IPV6_IFADDR | _RTMGRP_IPV6_ROUTE
)  # fmt: skip
SETTLE_S = 0.3  # a new network comes as a dozen messages; the last one makes it usable


class RouteWatcher:
    """Calls back once per change of the network."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._sock: socket.socket | None = None
        with contextlib.suppress(OSError, AttributeError):
            self._sock = open_route_socket()
            self._loop.add_reader(self._sock, self._on_readable)

    def close(self) -> None:
        """Stop."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sock is not None:
            self._loop.remove_reader(self._sock)
            self._sock.close()
            self._sock = None

    def _on_readable(self) -> None:
        if self._sock is None:
            return
        with contextlib.suppress(OSError):  # ENOBUFS: messages were lost, something did change
            while self._sock.recv(65536):
                pass
        if self._timer is None:
            self._timer = self._loop.call_later(SETTLE_S, self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._on_change()


def open_route_socket() -> socket.socket:
    """Return a socket that hears of changes. Raises OSError, AttributeError without netlink."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        sock.setblocking(False)
        sock.bind((0, _GROUPS))
    except OSError:
        sock.close()
        raise
    return sock


def find_source(endpoint: str) -> str:
    """Return the address from which this machine would send there, "" if there is no route."""
    try:
        host, port = parse_endpoint(endpoint)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((host, port))
            return str(sock.getsockname()[0])
    except (OSError, ValueError):
        return ""
