"""Bytes that a socket has not taken yet, in pieces. I/O; runs on Python 3.9."""

from __future__ import annotations

import socket

CHUNK_BYTES = 64 * 1024  # what waits for a slow reader is kept in pieces of at least this


class Backlog:
    """Keeps bytes in order until their socket has room."""

    __slots__ = ("_head", "_pieces", "size_bytes")

    def __init__(self) -> None:
        self._pieces: list[bytearray] = []  # few; an empty deque takes 0.6 KB of each flow
        self._head = 0  # bytes of the first piece that were sent
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._pieces)

    def keep(self, data: memoryview) -> None:
        """Keep what waits, small pieces together: a million of one byte each would cost 100 MB."""
        self.size_bytes += len(data)
        if self._pieces and len(self._pieces[-1]) < CHUNK_BYTES:
            self._pieces[-1] += data
        else:
            self._pieces.append(bytearray(data))

    def write(self, sock: socket.socket) -> None:
        """Send all of it. Raises BlockingIOError when the socket is full, OSError when broken."""
        while self._pieces:
            first = self._pieces[0]
            with memoryview(first) as view, view[self._head :] as rest:
                sent = sock.send(rest)
            self.size_bytes -= sent
            self._head += sent
            if self._head == len(first):
                del self._pieces[0]
                self._head = 0

    def clear(self) -> None:
        """Drop it."""
        self._pieces.clear()
        self._head = self.size_bytes = 0
