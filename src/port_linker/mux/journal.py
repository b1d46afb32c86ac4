"""What one end has sent and the other has not acknowledged, so that a new link can go on. Pure.

Only whole reliable frames count, header included, so a resend always starts at a frame.
"""

from __future__ import annotations

from collections import deque

from port_linker.errors import ProtocolError

KEPT_LIMIT_BYTES = 16 * 1024 * 1024  # 300 ms at 400 Mbit/s; the bound of memory a direction
ACK_EVERY_BYTES = 256 * 1024  # an acknowledgement costs 16 bytes and a wake-up


class Journal:
    """The sending half: frames kept in order until they are acknowledged."""

    def __init__(self, limit_bytes: int = KEPT_LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.sent_bytes = 0
        self.acked_bytes = 0
        self._frames: deque[tuple[bytes, bytes]] = deque()

    @property
    def kept_bytes(self) -> int:
        """Bytes sent and not acknowledged."""
        return self.sent_bytes - self.acked_bytes

    @property
    def is_overfull(self) -> bool:
        """Whether control frames alone, which have no limit of their own, went far past it."""
        return self.kept_bytes > 2 * self.limit_bytes

    @property
    def room_bytes(self) -> int:
        """How many more bytes may be sent before the limit; never negative."""
        return max(0, self.limit_bytes - self.kept_bytes)

    def append(self, header: bytes, payload: bytes) -> None:
        """Keep one reliable frame that is being sent now."""
        self._frames.append((header, payload))
        self.sent_bytes += len(header) + len(payload)

    def acknowledge(self, received_bytes: int) -> None:
        """Forget what the other end has. Raises ProtocolError if it was never sent."""
        if received_bytes > self.sent_bytes:
            raise ProtocolError("the other side acknowledges bytes that were never sent")
        while self._frames:
            header, payload = self._frames[0]
            size = len(header) + len(payload)
            if self.acked_bytes + size > received_bytes:
                break
            self._frames.popleft()
            self.acked_bytes += size

    def resend(self, received_bytes: int) -> list[tuple[bytes, bytes]]:
        """Return the kept frames behind what the other end has received.

        Raises ProtocolError if that is not a frame's end within what is kept.
        """
        if received_bytes < self.acked_bytes:
            raise ProtocolError("the other side lost bytes that it had acknowledged")
        self.acknowledge(received_bytes)
        if self.acked_bytes != received_bytes:
            raise ProtocolError("the other side resumes in the middle of a frame")
        return list(self._frames)


class Receipt:
    """The receiving half: how much came in, and when to say so."""

    def __init__(self) -> None:
        self.received_bytes = 0
        self._said_bytes = 0

    def count(self, frame_bytes: int) -> None:
        """Count one reliable frame, header included."""
        self.received_bytes += frame_bytes

    @property
    def is_due(self) -> bool:
        """Whether enough came in since the last acknowledgement to send one at once."""
        return self.received_bytes - self._said_bytes >= ACK_EVERY_BYTES

    @property
    def is_pending(self) -> bool:
        """Whether anything came in since the last acknowledgement."""
        return self.received_bytes != self._said_bytes

    def say(self) -> int:
        """Return the count for an acknowledgement that is being sent now."""
        self._said_bytes = self.received_bytes
        return self.received_bytes
