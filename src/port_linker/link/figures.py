"""What is measured of a link, and when that is worth a word. Pure.

Rates are of payload; loss is of packets, in the direction that loses more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

OVER_SSH = "ssh"  # the path of last resort: packets inside the stdio link
OVER_QUIC = "quic"  # the stdio link inside QUIC, while ssh is gone
LOSS_WINDOW_S = 10.0  # chosen: long enough for a share, short enough to be "now"
FEW_PACKETS = 100  # a share of fewer says nothing

RTT_NEWS = 0.25  # a round trip that differs by a smaller share from the one told last is no news
RTT_NEWS_MS = 1.0  # nor one that differs by less than this
LOSS_NEWS = 0.25
LOSS_NEWS_PERCENT = 0.5
RATE_NEWS = 0.5
RATE_NEWS_BYTES_PER_S = 1000.0


@dataclass(frozen=True)
class Figures:
    """What is known of a link now; None where it is not.

    path: the target's address and port over UDP, OVER_SSH or OVER_QUIC. mtu: bytes in a UDP packet.
    up: from the host to the target.
    """

    path: str | None = None
    mtu: int | None = None
    rtt_ms: float | None = None
    loss_percent: float | None = None
    up_bytes_per_s: float | None = None
    down_bytes_per_s: float | None = None

    def merged(self, newer: Figures) -> Figures:
        """Return these figures, replaced by what is known newer."""
        return replace(self, **{k: v for k, v in vars(newer).items() if v is not None})


def is_news(told: Figures, now: Figures) -> bool:
    """Return whether the figures differ by so much from those told last that people want to know.

    That nothing moves is no news where nothing moved before.
    """
    if (told.path, told.mtu) != (now.path, now.mtu):
        return True
    if now.rtt_ms is not None and (
        told.rtt_ms is None or _differs(told.rtt_ms, now.rtt_ms, RTT_NEWS, RTT_NEWS_MS)
    ):
        return True
    loss = told.loss_percent or 0.0, now.loss_percent or 0.0
    up = told.up_bytes_per_s or 0.0, now.up_bytes_per_s or 0.0
    down = told.down_bytes_per_s or 0.0, now.down_bytes_per_s or 0.0
    return (
        (told.loss_percent is None) is not (now.loss_percent is None)
        or _differs(*loss, LOSS_NEWS, LOSS_NEWS_PERCENT)
        or _differs(*up, RATE_NEWS, RATE_NEWS_BYTES_PER_S)
        or _differs(*down, RATE_NEWS, RATE_NEWS_BYTES_PER_S)
    )


def _differs(told: float, now: float, share: float, least: float) -> bool:
    return abs(now - told) > max(least, share * told)


class RateGauge:
    """Bytes per second between one reading of the counters and the next."""

    def __init__(self) -> None:
        self._before: tuple[float, int, int] | None = None

    def read(self, now: float, up_bytes: int, down_bytes: int) -> tuple[float, float]:
        """Return the rates up and down; counters that went back count as no movement."""
        before, self._before = self._before, (now, up_bytes, down_bytes)
        if before is None or now <= before[0]:
            return 0.0, 0.0
        passed_s = now - before[0]
        up, down = max(0, up_bytes - before[1]), max(0, down_bytes - before[2])
        return round(up / passed_s, 1), round(down / passed_s, 1)


class LossGauge:
    """The share of packets lost of late, of one direction. Bounded by the window."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, int, int]] = deque()

    def read(self, now: float, sent: int, lost: int) -> float | None:
        """Take the counters of packets; return the percent lost, None of too few packets."""
        readings = self._readings
        if readings and (sent < readings[-1][1] or lost < readings[-1][2]):
            readings.clear()  # another connection
        readings.append((now, sent, lost))
        while len(readings) > 2 and now - readings[1][0] >= LOSS_WINDOW_S:
            readings.popleft()
        _, sent_then, lost_then = readings[0]
        of = sent - sent_then
        if of < FEW_PACKETS:
            return None
        return round(min(100.0, 100.0 * (lost - lost_then) / of), 2)
