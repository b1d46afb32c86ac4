"""Everything that waits for the pipe, in the order in which it may leave. Pure.

Order: fleeting frames, what a new link must repeat, control, QUIC's packets, datagrams, data. A
reliable frame is numbered (put into the journal) when it leaves, so control passes data that waits.

Datagrams, and what opens and ends their associations, pass data as long as they are few: while data
is under way they take a fifth of what leaves, however many there are.
"""

from __future__ import annotations

from collections import deque

from port_linker.errors import ProtocolError
from port_linker.mux.frames import HEADER_BYTES, MAX_DATA_BYTES, RELIABLE, encode_header
from port_linker.mux.journal import Journal

QUEUE_LIMIT_BYTES = 512 * 1024  # data waiting for the pipe; more only adds delay
DATAGRAM_QUEUE_BYTES = 1024 * 1024  # past it datagrams are dropped, as a network would
OPENING_QUEUE_BYTES = 64 * 1024  # with more datagrams waiting no association is opened
DATA_PER_DATAGRAM = 4  # bytes of data that leave for each byte of datagrams, while both wait
DATAGRAM_BURST_BYTES = 64 * 1024  # that pass data at once
BUSY_BYTES = 64 * 1024  # not acknowledged: data is under way though none waits at the moment
PACKET_QUEUE_BYTES = 256 * 1024  # QUIC packets; QUIC takes a queue for delay, and fills it
CONTROL_QUEUE_LIMIT = 100_000  # frames that wait; a peer that lets them grow so far is broken
CONTROL_QUEUE_BYTES = 64 * 1024 * 1024  # and their bytes: 20,000 services take 10 to 30 MB
CHOKED_AT = 1000  # frames that wait; news can wait too
CHOKED_AT_BYTES = 1024 * 1024  # likewise
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
        self._packets: deque[Parts] = deque()
        self._packet_bytes = 0
        self._datagrams: deque[Parts] = deque()
        self._datagram_allowance = DATAGRAM_BURST_BYTES
        self._data: deque[Parts] = deque()
        self._control_bytes = self._datagram_bytes = self._data_bytes = 0

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
        self._packets.clear()
        self._packet_bytes = 0
        self._datagrams = deque(parts for parts in self._datagrams if _is_reliable(parts))
        self._datagram_bytes = sum(map(_size, self._datagrams))

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
        return len(self._control) >= CHOKED_AT or self._control_bytes >= CHOKED_AT_BYTES

    @property
    def takes_openings(self) -> bool:
        """Whether so few datagrams wait that another association may be opened."""
        return self.is_open and self._datagram_bytes < OPENING_QUEUE_BYTES

    def check_limits(self) -> None:
        """Raise ProtocolError if the other end lets us keep more than any working one does."""
        waits = (
            len(self._control) > CONTROL_QUEUE_LIMIT or self._control_bytes > CONTROL_QUEUE_BYTES
        )
        if waits or self.journal.is_overfull:
            raise ProtocolError("the other side does not take what it is sent")

    @property
    def has_output(self) -> bool:
        """Whether take would return anything."""
        if self._fleeting:
            return True
        queues = (self._resend, self._control, self._packets, self._datagrams, self._data)
        return self.is_open and any(queues)

    def put_fleeting(self, kind: int, body: bytes) -> None:
        """Queue a frame of this link alone; past the limit it is dropped."""
        if len(self._fleeting) < FLEETING_LIMIT:
            self._fleeting.append((encode_header(kind, 0, len(body)), body))

    def put_control(self, kind: int, flow: int, body: bytes) -> None:
        """Queue a reliable frame that passes data."""
        self._control.append((encode_header(kind, flow, len(body)), body))
        self._control_bytes += HEADER_BYTES + len(body)

    def put_data(self, kind: int, flow: int, body: bytes) -> None:
        """Queue a reliable frame behind the data before it."""
        self._data.append((encode_header(kind, flow, len(body)), body))
        self._data_bytes += HEADER_BYTES + len(body)

    def put_among_datagrams(self, kind: int, flow: int, body: bytes) -> None:
        """Queue a reliable frame that keeps its place among the datagrams."""
        self._datagrams.append((encode_header(kind, flow, len(body)), body))
        self._datagram_bytes += HEADER_BYTES + len(body)

    def put_datagram(self, kind: int, flow: int, body: bytes) -> bool:
        """Queue one datagram; False (and counted) if it was dropped."""
        if not self.is_open or self._datagram_bytes > DATAGRAM_QUEUE_BYTES:
            self.dropped_datagrams += 1
            return False
        self.put_among_datagrams(kind, flow, body)
        return True

    def put_packet(self, kind: int, body: bytes) -> bool:
        """Queue one QUIC packet; False (and counted) if it was dropped."""
        if not self.is_open or self._packet_bytes > PACKET_QUEUE_BYTES:
            self.dropped_datagrams += 1
            return False
        self._packets.append((encode_header(kind, 0, len(body)), body))
        self._packet_bytes += HEADER_BYTES + len(body)
        return True

    def take(self, limit_bytes: int) -> list[bytes]:
        """Return about limit_bytes of buffers for the pipe, whole frames in order."""
        out: list[bytes] = []
        left = limit_bytes
        if self._fleeting:
            left -= _move(self._fleeting, out, left)
        if not self.is_open:
            return out
        if self._resend:
            left -= _move(self._resend, out, left)
            if self._resend:
                return out
        if self._control:
            control = _move(self._control, out, left, self.journal)
            self._control_bytes -= control
            left -= control
        if self._packets:
            packets = _move(self._packets, out, left)
            self._packet_bytes -= packets
            left -= packets
        if self._datagrams:
            left -= self._take_datagrams(out, left)
        if self._data:
            data = _move(self._data, out, left, self.journal)
            self._data_bytes -= data
            self._allow(data // DATA_PER_DATAGRAM)
        return out

    def _take_datagrams(self, out: list[bytes], limit_bytes: int) -> int:
        is_busy = self._data or self.journal.kept_bytes > BUSY_BYTES
        most_bytes = min(limit_bytes, self._datagram_allowance) if is_busy else limit_bytes
        taken = _move(self._datagrams, out, most_bytes, self.journal)
        self._datagram_bytes -= taken
        self._allow(-taken)
        return taken

    def _allow(self, bytes_: int) -> None:
        allowance = self._datagram_allowance + bytes_
        self._datagram_allowance = max(0, min(DATAGRAM_BURST_BYTES, allowance))


def _move(
    queue: deque[Parts], out: list[bytes], limit_bytes: int, journal: Journal | None = None
) -> int:
    """Move frames from queue to out until limit_bytes are reached; return their bytes.

    journal: keeps those that are reliable.
    """
    taken = 0
    while queue and taken < limit_bytes:
        header, body = parts = queue.popleft()
        if journal is not None and _is_reliable(parts):
            journal.append(header, body)
        out.append(header)
        if body:
            out.append(body)
        taken += HEADER_BYTES + len(body)
    return taken


def _is_reliable(parts: Parts) -> bool:
    return parts[0][0] in RELIABLE


def _size(parts: Parts) -> int:
    return HEADER_BYTES + len(parts[1])


def discard(buffers: deque[memoryview], count: int) -> None:
    """Drop the first `count` bytes, which the pipe has taken."""
    while count:
        first = buffers[0]
        if len(first) > count:
            buffers[0] = first[count:]
            return
        count -= len(first)
        buffers.popleft()
