"""How a QUIC link is measured: packets counted on the target, and a service to measure by.

Pure; runs on Python 3.9. Like protocol/quic.py, whose attempts these belong to.

    host                                       agent
    quic-count                              →
                                             ← quic-counted: packets sent and lost on that side
    quic-gauge: a secret                    →
                                             ← quic-gauged: the port that the agent measures on

A flow to that port begins with one line, `SECRET WHAT BYTES`. "echo": what comes goes back. "send":
so many bytes come. "take": so many go; the answer is one line of JSON, a Sample.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from port_linker.errors import ProtocolError

ECHO, SEND, TAKE = "echo", "send", "take"
MOST_BYTES = 16 << 20  # of one measurement
MOST_ECHO_BYTES = 4096
MOST_COUNT = 1 << 53  # of packets; a float still tells it from the next one
MEASURE_S = 1.0  # and its time
_MARK_S = 0.005


@dataclass(frozen=True)
class QuicCount:
    """How many packets did your side send and lose?"""

    attempt: int

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "quic-count", "attempt": self.attempt}


@dataclass(frozen=True)
class QuicGauge:
    """Open a service to measure by. secret: 32 bytes in hex; who cannot say it gets nothing."""

    attempt: int
    secret: str = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "quic-gauge", "attempt": self.attempt, "secret": self.secret}


@dataclass(frozen=True)
class QuicCounted:
    """Packets since the connection began."""

    attempt: int
    sent: int
    lost: int

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "quic-counted", **self.__dict__}


@dataclass(frozen=True)
class QuicGauged:
    """It listens on 127.0.0.1."""

    attempt: int
    port: int

    def to_json(self) -> dict[str, Any]:
        """Return the control message."""
        return {"t": "quic-gauged", **self.__dict__}


Question = Union[QuicCount, QuicGauge]
Answer = Union[QuicCounted, QuicGauged]


def parse_question(message: dict[str, Any]) -> Optional[Question]:
    """Return what the host asks, None if it speaks of something else.

    Raises ProtocolError if it is malformed.
    """
    kind = message.get("t")
    if kind == "quic-count":
        return QuicCount(_count(message, "attempt"))
    if kind == "quic-gauge":
        secret = message.get("secret")
        if not isinstance(secret, str) or len(secret) != 64 or not secret.isalnum():
            raise ProtocolError("a malformed quic-gauge")
        return QuicGauge(_count(message, "attempt"), secret)
    return None


def parse_answer(message: dict[str, Any]) -> Optional[Answer]:
    """Return what the agent answers, None if it speaks of something else.

    Raises ProtocolError if it is malformed.
    """
    kind = message.get("t")
    if kind == "quic-counted":
        return QuicCounted(*(_count(message, key) for key in ("attempt", "sent", "lost")))
    if kind == "quic-gauged":
        port = _count(message, "port")
        if not 0 < port <= 0xFFFF:
            raise ProtocolError("a malformed quic-gauged")
        return QuicGauged(_count(message, "attempt"), port)
    return None


def _count(row: dict[str, Any], key: str) -> int:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_COUNT:
        raise ProtocolError(f"a malformed {row.get('t')}")
    return value


# A flow


def encode_request(secret: str, what: str, size: int) -> bytes:
    """Return the first line of a flow."""
    return f"{secret} {what} {size}\n".encode("ascii")


def parse_request(line: bytes) -> Optional[tuple[str, str, int]]:
    """Return secret, what and bytes of a flow's first line, None if it is none."""
    words = line.decode("ascii", "replace").split()
    if len(words) != 3 or words[1] not in (ECHO, SEND, TAKE) or not words[2].isdecimal():
        return None
    return words[0], words[1], min(int(words[2][:12]), MOST_BYTES)


@dataclass(frozen=True)
class Sample:
    """What a measurement brought. bytes_per_s: of its second half, when the start is over."""

    size: int
    took_s: float
    bytes_per_s: float

    def to_line(self) -> bytes:
        """Return the line of JSON."""
        return json.dumps(self.__dict__).encode("ascii") + b"\n"


def parse_sample(line: bytes) -> Sample:
    """Return the sample of a line. Raises ProtocolError if it is malformed."""
    try:
        row = json.loads(line)
        size, took_s, rate = int(row["size"]), float(row["took_s"]), float(row["bytes_per_s"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ProtocolError("the agent's sample is malformed") from error
    if size < 0 or not (0 <= took_s < math.inf and 0 <= rate < math.inf):
        raise ProtocolError("the agent's sample is malformed")
    return Sample(size, took_s, rate)


class Meter:
    """Watches bytes arrive. `now` is monotonic seconds. Bounded: a mark each 5 ms at most."""

    def __init__(self, now: float) -> None:
        self._marks = [(now, 0)]
        self._last_s = now
        self.size = 0

    def add(self, size: int, now: float) -> None:
        """So many bytes came."""
        if not self.size:
            self._marks = [(now, size)]  # the way of the first byte is not what is measured
        self.size += size
        self._last_s = now
        if now - self._marks[-1][0] >= _MARK_S:
            self._marks.append((now, self.size))

    def sample(self) -> Sample:
        """Return what came so far."""
        began_s, first = self._marks[0]
        took_s = self._last_s - began_s
        half_s = began_s + took_s / 2
        at_s, size = next((m for m in self._marks if m[0] >= half_s), self._marks[-1])
        if self._last_s - at_s < _MARK_S:
            at_s, size = began_s, first
        passed_s = self._last_s - at_s
        rate = (self.size - size) / passed_s if passed_s > 0 else 0.0
        return Sample(self.size, round(took_s, 6), round(rate, 1))
