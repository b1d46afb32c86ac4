"""Ends a socket with a reset, behind all that its reader has still to get. I/O; Python 3.9.

A reset discards what the kernel has not delivered. So it waits until the reader's kernel has
acknowledged everything, or has taken nothing for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from typing import Callable, Optional

from port_linker.mux.backlog import Backlog

PATIENCE_S = 5.0  # without progress; a reader that is slow gets all, one that stopped no more
FIRST_LOOK_S = 0.001  # the kernel tells nobody that its queue is empty
MOST_LOOK_S = 0.05
DISCARD_BYTES = 128 * 1024
_LINGER_RESET = struct.pack("ii", 1, 0)
_LINGER_NOT = struct.pack("ii", 0, 0)


def reset_on_close(sock: socket.socket) -> None:
    """Make every close a reset, also the one that the kernel makes for a killed process.

    What was cut short must not look complete.
    """
    with contextlib.suppress(OSError):  # already disconnected: close is all that is left
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)


def reset_socket(sock: socket.socket) -> None:
    """Close with RST, so that the other side learns that this was no orderly end."""
    reset_on_close(sock)
    sock.close()


def close_socket(sock: socket.socket) -> None:
    """Close after both directions have ended; the kernel delivers what is left."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    sock.close()


def unacknowledged_bytes(sock: socket.socket) -> int:
    """Return what the reader's kernel has not acknowledged; a FIN counts as one."""
    try:
        answer = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int(struct.unpack("i", answer)[0])


class Ending:
    """Owns the socket of a flow that was reset at its other end.

    What the socket's peer sends meanwhile is discarded: a client that reads the answer only after
    its upload must get there.
    """

    def __init__(
        self,
        sock: socket.socket,
        backlog: Backlog,
        has_fin: bool,
        moved_at: Optional[float],
        on_end: Callable[[int], None],
    ) -> None:
        """has_fin: an orderly end goes out before the reset. moved_at: when the reader last took
        something, in loop time, if it is behind. on_end: called with what was written."""
        self._sock, self._backlog, self._on_end = sock, backlog, on_end
        self._has_fin = has_fin
        self._loop = asyncio.get_running_loop()
        self._moved_at = self._loop.time() if moved_at is None else moved_at
        self._kept_bytes = backlog.size_bytes
        self._left_bytes = -1
        self._look_s = FIRST_LOOK_S
        self._timer: Optional[asyncio.TimerHandle] = None
        self._is_over = False

    def start(self) -> None:
        """Begin; may end before it returns."""
        self._look()
        if not self._is_over:
            self._loop.add_reader(self._sock.fileno(), self._discard)

    def stop(self) -> None:
        """Reset now."""
        if self._is_over:
            return
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        reset_socket(self._sock)
        self._on_end(self._kept_bytes - self._backlog.size_bytes)

    def _look(self) -> None:
        self._timer = None
        if self._is_over:
            return
        try:
            self._write()
        except OSError:
            self.stop()  # nobody is there to read it
            return
        left_bytes = self._backlog.size_bytes + unacknowledged_bytes(self._sock)
        now = self._loop.time()
        if left_bytes != self._left_bytes:
            if self._left_bytes >= 0:
                self._moved_at = now
            self._left_bytes = left_bytes
        if left_bytes == 0 or now - self._moved_at >= PATIENCE_S:
            self.stop()
            return
        self._timer = self._loop.call_later(self._look_s, self._look)
        self._look_s = min(2 * self._look_s, MOST_LOOK_S)

    def _write(self) -> None:
        """Write what waits, then the orderly end. Raises OSError if the reader has gone."""
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "the reader has gone")
        try:
            self._backlog.write(self._sock)
        except (BlockingIOError, InterruptedError):
            self._loop.add_writer(self._sock.fileno(), self._on_writable)
            return
        self._loop.remove_writer(self._sock.fileno())
        if self._has_fin:
            self._has_fin = False
            self._sock.shutdown(socket.SHUT_WR)

    def _on_writable(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._look()

    def _discard(self) -> None:
        try:
            data = self._sock.recv(DISCARD_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.stop()
            return
        if not data:
            self._loop.remove_reader(self._sock.fileno())
