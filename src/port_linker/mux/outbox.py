"""Everything that waits for the pipe, in the order in which it may leave. Pure.

Order: fleeting frames, what a new link must repeat, control, datagrams, data. A reliable frame is
numbered (put into the journal) when it leaves, so control passes data that waits.
"""

from __future__ import annotations

from collections import deque

from port_linker.errors import ProtocolError
from port_linker.mux.frames import HEADER_BYTES, MAX_DATA_BYTES, encode_header
from port_linker.mux.journal import Journal

QUEUE_LIMIT_BYTES = 512 * 1024  # data waiting for the pipe; more only adds delay
DATAGRAM_QUEUE_BYTES = 1024 * 1024  # past it datagrams are dropped, as a network would
PACKET_QUEUE_BYTES = 256 * 1024  # QUIC packets; QUIC takes a queue for delay, and fills it
CONTROL_QUEUE_LIMIT = 100_000  # frames that wait; a peer that lets them grow so far is broken
CHOKED_AT = 1000  # frames that wait; news can wait too
FLEETING_LIMIT = 1000  # a peer that pings without reading gets no more answers

Parts = tuple[bytes, bytes]  # header and body


class Outbox:
    """The queues in front of one end of the pipe."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.is_open = False
        self.dropped_datagrams = 0
        self._fleeting: deque[Parts] = deque()
        self._resend: deque[Parts] = deque()
        self._control: deque[Parts] = deque()
        self._datagrams: deque[Parts] = deque()
        self._data: deque[Parts] = deque()
        self._datagram_bytes = 0
        self._data_bytes = 0

    def open(self, peer_received_bytes: int) -> None:
        """Let reliable frames leave; first those that the other end has not received.

        Raises ProtocolError if what it misses is no longer kept.
        """
        self._resend = deque(self.journal.resend(peer_received_bytes))
        self.is_open = True

    def shut(self) -> None:
        """The link ended: fleeting frames are gone, reliable ones wait."""
        self.is_open = False
        self._fleeting.clear()
        self._resend.clear()
        self._datagrams.clear()
        self._datagram_bytes = 0

    @property
    def room_bytes(self) -> int:
        """How much data is taken now: 0 in an outage or when the queue is full."""
        if not self.is_open or self._data_bytes >= QUEUE_LIMIT_BYTES:
            return 0
        kept = self.journal.room_bytes - self._data_bytes
        return max(0, min(MAX_DATA_BYTES, kept))

    @property
    def is_choked(self) -> bool:
        """Whether the other end does not take what is said; what can wait should."""
        return len(self._control) >= CHOKED_AT

    def check_limits(self) -> None:
        """Raise ProtocolError if the other end lets us keep more than any working one does."""
        if len(self._control) > CONTROL_QUEUE_LIMIT or self.journal.is_overfull:
            raise ProtocolError("the other side does not take what it is sent")

    @property
    def has_output(self) -> bool:
        """Whether take would return anything."""
        if self._fleeting:
            return True
        return self.is_open and bool(self._resend or self._control or self._datagrams or self._data)

    def put_fleeting(self, kind: int, body: bytes) -> None:
        """Queue a frame of this link alone; past the limit it is dropped."""
        if len(self._fleeting) < FLEETING_LIMIT:
            self._fleeting.append((encode_header(kind, 0, len(body)), body))

    def put_control(self, kind: int, flow: int, body: bytes) -> None:
        """Queue a reliable frame that passes data."""
        self._control.append((encode_header(kind, flow, len(body)), body))

    def put_data(self, kind: int, flow: int, body: bytes) -> None:
        """Queue a reliable frame behind the data before it."""
        self._data.append((encode_header(kind, flow, len(body)), body))
        self._data_bytes += len(body)

    def put_datagram(
        self, kind: int, flow: int, body: bytes, limit_bytes: int = DATAGRAM_QUEUE_BYTES
    ) -> bool:
        """Queue one datagram; False (and counted) if it was dropped."""
        if not self.is_open or self._datagram_bytes > limit_bytes:
            self.dropped_datagrams += 1
            return False
        self._datagrams.append((encode_header(kind, flow, len(body)), body))
        self._datagram_bytes += len(body)
        return True

    def take(self, limit_bytes: int) -> list[bytes]:
        """Return about limit_bytes of buffers for the pipe, whole frames in order."""
        out: list[bytes] = []
        left = limit_bytes - _move(self._fleeting, out, limit_bytes)
        if not self.is_open:
            return out
        left -= _move(self._resend, out, left)
        if self._resend:
            return out
        left -= _move(self._control, out, left, self.journal)
        datagrams = _move(self._datagrams, out, left)
        self._datagram_bytes -= datagrams
        self._data_bytes -= _move(self._data, out, left - datagrams, self.journal)
        return out


def _move(
    queue: deque[Parts], out: list[bytes], limit_bytes: int, journal: Journal | None = None
) -> int:
    """Move frames from queue to out until limit_bytes are reached; return the bytes of bodies."""
    bodies = taken = 0
    while queue and taken < limit_bytes:
        header, body = queue.popleft()
        if journal is not None:
            journal.append(header, body)
        out.append(header)
        if body:
            out.append(body)
        bodies += len(body)
        taken += HEADER_BYTES + len(body)
    return bodies
