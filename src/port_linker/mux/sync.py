"""Finds where a link begins behind what an earlier agent, host or shell left in the pipe. Pure."""

from __future__ import annotations

from port_linker.errors import ProtocolError

SYNC_PREFIX = b"\x00PLSYNC1"
SYNC_SECRET_BYTES = 16
MAX_NOISE_BYTES = 64 * 1024 * 1024  # what can stand in pipes and ssh's window, with room


def sync_marker(secret: bytes) -> bytes:
    """Return the 24 bytes that a link starts with; the secret is fresh for each attach."""
    return SYNC_PREFIX + secret


class SyncFinder:
    """Reads bytes until the marker has passed; what stands before it is thrown away."""

    def __init__(self, marker: bytes) -> None:
        self._marker = marker
        self._tail = b""
        self._skipped = 0

    def feed(self, data: bytes) -> bytes | None:
        """Return what follows the marker once it has been seen, None before.

        Raises ProtocolError when MAX_NOISE_BYTES passed without it.
        """
        window = self._tail + data
        at = window.find(self._marker)
        if at >= 0:
            return window[at + len(self._marker) :]
        self._skipped += len(data)
        if self._skipped > MAX_NOISE_BYTES:
            raise ProtocolError("the other side never began to speak the protocol")
        self._tail = window[-(len(self._marker) - 1) :]
        return None
