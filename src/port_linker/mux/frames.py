"""Frames of the stdio link: type u8, flow u32, length u24, payload. Pure.

Reliable frames are counted and kept until the other end has acknowledged them, so they survive a
new link. Fleeting frames belong to one link and are gone with it.
"""

from __future__ import annotations

import struct
from typing import List  # noqa: UP035 - an alias is evaluated on Python 3.9

from port_linker.errors import ProtocolError

CONTROL = 0x01  # JSON object, flow 0
OPEN = 0x02  # window u32, credit u32, service key: a new flow
DATA = 0x03  # bytes of a TCP flow
FIN = 0x04  # no more bytes in this direction
RESET = 0x05  # UTF-8 reason: both directions end at once
CREDIT = 0x06  # u32: so many more bytes may be sent on this flow

HELLO = 0x40  # JSON object: who I am, how much I have received
ACK = 0x41  # u64: reliable bytes received so far
PING = 0x42  # u64: sender's clock
PONG = 0x43  # u64: the ping's clock
DATAGRAM = 0x44  # one UDP datagram of a UDP flow
PACKET = 0x45  # one QUIC packet on its path of last resort

RELIABLE = frozenset((CONTROL, OPEN, DATA, FIN, RESET, CREDIT))

HEADER_BYTES = 8
MAX_DATA_BYTES = 256 * 1024  # one DATA frame; larger ones gained nothing (2026-11-21)
MAX_CONTROL_BYTES = 256 * 1024  # a batch of 200 services takes about 100 kB
MAX_DATAGRAM_BYTES = 65_535
MAX_SMALL_BYTES = 1024  # OPEN, RESET: a service key or a reason
MAX_PAYLOAD_BYTES = 256 * 1024

_LIMITS = {
    CONTROL: MAX_CONTROL_BYTES,
    OPEN: MAX_SMALL_BYTES,
    DATA: MAX_DATA_BYTES,
    FIN: 0,
    RESET: MAX_SMALL_BYTES,
    CREDIT: 4,
    HELLO: 16 * 1024,
    ACK: 8,
    PING: 8,
    PONG: 8,
    DATAGRAM: MAX_DATAGRAM_BYTES,
    PACKET: MAX_DATAGRAM_BYTES,
}

_HEADER = struct.Struct(">Q")  # type, flow and length in one word: cheaper than three fields
Frame = tuple[int, int, memoryview]


def encode_header(kind: int, flow: int, length: int) -> bytes:
    """Return the 8 bytes in front of a payload. Raises ProtocolError past the type's limit."""
    if length > _LIMITS[kind]:
        raise ProtocolError(f"a frame of type {kind:#x} with {length} bytes is past its limit")
    return _HEADER.pack(kind << 56 | flow << 24 | length)


class FrameReader:
    """Turns received bytes into frames, without a copy of the payload.

    Use: fill `space()` with n bytes, then `advance(n)` gives the complete frames. Their payloads
    are views that are valid until the next call of `space`.
    """

    CAPACITY = 1024 * 1024

    def __init__(self) -> None:
        self._buffer = bytearray(self.CAPACITY)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self.has_more = False  # whether the last `advance` ended early

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not complete yet."""
        return self._end - self._start

    def space(self) -> memoryview:
        """Return where the next bytes go; never empty."""
        if self._start == self._end:
            self._start = self._end = 0
        elif self.CAPACITY - self._start < HEADER_BYTES + MAX_PAYLOAD_BYTES:
            rest = bytes(self._view[self._start : self._end])
            self._view[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        return self._view[self._end :]

    def advance(self, count: int, most: int = 0) -> List[Frame]:  # noqa: UP006 - kept plain
        """Return the frames that are complete now that `count` more bytes stand in the space.

        most: end early behind so many frames, or behind one of control, which may be much work;
        `has_more` then says that `advance(0)` gives the rest, and `space` must wait for that.
        Raises ProtocolError for an unknown type, or a length past the type's limit.
        """
        self._end += count
        self.has_more = False
        frames = []
        start, end, view = self._start, self._end, self._view
        while end - start >= HEADER_BYTES:
            (word,) = _HEADER.unpack_from(self._buffer, start)
            kind, flow, length = word >> 56, word >> 24 & 0xFFFFFFFF, word & 0xFFFFFF
            limit = _LIMITS.get(kind)
            if limit is None:
                raise ProtocolError(f"unknown frame type {kind:#x}")
            if length > limit:
                raise ProtocolError(f"a frame of type {kind:#x} announces {length} bytes")
            body = start + HEADER_BYTES
            if end - body < length:
                break
            start = body + length
            frames.append((kind, flow, view[body:start]))
            if most and (kind == CONTROL or len(frames) >= most):
                self.has_more = True
                break
        self._start = start
        return frames
