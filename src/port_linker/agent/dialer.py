"""Connects to one of several addresses without blocking. I/O; runs on Python 3.9.

Plain callbacks instead of a task: on loopback the kernel has often answered before connect(2)
returns, and then a flow needs no turn of the event loop (0.1 ms less for each, 2026-11-21).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Callable, Optional

from port_linker.mux.ending import reset_on_close

# A service that refuses is asked again after these: it may open its port anew, as iperf3 does after
# each test. Under load that window was met in 2 of 150 tests (2026-11); the whole is 315 ms.
PAUSES_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)
DIAL_TIMEOUT_S = 10.0  # on the target itself an answer takes microseconds; a full backlog longer


class Dialer:
    """Tries addresses in turn; ends with one call of on_connected or on_failed."""

    def __init__(
        self,
        addresses: list[tuple[str, int]],
        on_connected: Callable[[socket.socket], None],
        on_failed: Callable[[str], None],
        explain_refusal: Callable[[tuple[str, int]], Optional[str]] = lambda _: None,
    ) -> None:
        """explain_refusal: why an address must not be dialled, asked just before it would be."""
        self._all, self._addresses = tuple(addresses), list(addresses)
        self._pauses = list(PAUSES_S)
        self._explain_refusal = explain_refusal
        self._on_connected, self._on_failed = on_connected, on_failed
        self._loop = asyncio.get_running_loop()
        self._sock: Optional[socket.socket] = None
        self._timer: Optional[asyncio.TimerHandle] = None
        self._reason = "refused"

    def start(self) -> None:
        """Try the next address; may call back before it returns."""
        while self._addresses:
            host, port = self._addresses.pop(0)
            refusal = self._explain_refusal((host, port))
            if refusal is not None:
                self._note(refusal)
                continue
            try:
                sock = open_socket(host, socket.SOCK_STREAM)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                reset_on_close(sock)
                code = sock.connect_ex((host, port))
            except OSError as error:
                self._note(explain_dial(error.errno))
                continue
            if code == errno.EINPROGRESS:
                code = _answer_so_far(sock)
            if code == 0:
                self._on_connected(sock)
                return
            if code == errno.EINPROGRESS:
                self._wait(sock)
                return
            self._note(explain_dial(code))
            sock.close()
        if self._reason == "refused" and self._all and self._pauses:
            self._timer = self._loop.call_later(self._pauses.pop(0), self._try_again)
            return
        self._on_failed(self._reason)

    def _try_again(self) -> None:
        self._addresses = list(self._all)
        self.start()

    def _note(self, reason: str) -> None:
        """Keep the first reason that says more than that nobody listens."""
        if self._reason == "refused":
            self._reason = reason

    def _wait(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop.add_writer(sock.fileno(), self._on_answer)
        self._timer = self._loop.call_later(DIAL_TIMEOUT_S, self._on_timeout)

    def _on_answer(self) -> None:
        sock = self._stop_waiting()
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            self._on_connected(sock)
            return
        sock.close()
        self._note(explain_dial(code))
        self.start()

    def _on_timeout(self) -> None:
        self._stop_waiting().close()
        self._note("timed out")
        self.start()

    def _stop_waiting(self) -> socket.socket:
        sock, self._sock = self._sock, None
        assert sock is not None  # noqa: S101 - both callers run while it waits
        self._loop.remove_writer(sock.fileno())
        if self._timer is not None:
            self._timer.cancel()
        return sock

    def close(self) -> None:
        """Give up without a call back."""
        self._addresses.clear()
        if self._sock is not None:
            self._stop_waiting().close()
        elif self._timer is not None:
            self._timer.cancel()


def _answer_so_far(sock: socket.socket) -> int:
    """Return 0 if connected, EINPROGRESS if no answer has come yet, else the error."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code != 0:
        return code
    try:
        sock.getpeername()
    except OSError:
        return errno.EINPROGRESS
    return 0


def open_socket(host: str, kind: int) -> socket.socket:
    """Return a non-blocking socket of the address's family."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    return sock


def explain_dial(code: Optional[int]) -> str:
    """Return the reason of a reset, a word or two, from an errno."""
    if code == errno.ECONNREFUSED:
        return "refused"
    if code in (errno.EMFILE, errno.ENFILE):
        return "no descriptors left on the target"
    return errno.errorcode.get(code or 0, "refused")
