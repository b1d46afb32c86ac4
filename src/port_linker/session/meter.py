"""Measures both links of a session and tells what is news. I/O: reads clock and counters."""

from __future__ import annotations

from collections.abc import Iterable

from port_linker import clock
from port_linker.link import reports
from port_linker.link.figures import Figures, LossGauge, RateGauge
from port_linker.link.interface import Link, LinkKind, Traffic
from port_linker.link.quic_link import QuicLink
from port_linker.protocol.gauge import QuicCounted
from port_linker.session.reporter import Reporter

EVERY_S = 2.0  # a reader of --json gets a line of figures so often at most, for each link


class LinkMeter:
    """Rates of both links, and QUIC's round trip, MTU and loss."""

    def __init__(self, stdio: Link, quic: QuicLink, reporter: Reporter) -> None:
        self._links: tuple[Link, ...] = (stdio, quic)
        self._link = quic
        self._reporter = reporter
        self._rates = {link.kind: RateGauge() for link in self._links}
        self._due_s = 0.0
        self._here, self._there = LossGauge(), LossGauge()
        self._quic = Figures()

    def take(self, stats: reports.Stats, there: QuicCounted | None) -> None:
        """Take QUIC's counters in. there: those of the target's side, as counted last."""
        self._link.set_stats(stats)
        found = stats.connection
        if found is None:
            return
        now = clock.monotonic_s()
        losses = [self._here.read(now, found.sent_packets, found.lost_packets)]
        if there is not None:
            losses.append(self._there.read(now, there.sent, there.lost))
        known = [loss for loss in losses if loss is not None]
        self._quic = Figures(
            mtu=found.mtu or None,
            rtt_ms=round(found.rtt_ms, 2),
            loss_percent=max(known, default=None),
        )

    def connected(self) -> None:
        """QUIC is up anew: what was measured is of another connection."""
        self._quic = Figures()
        self._here, self._there = LossGauge(), LossGauge()
        self._due_s = clock.monotonic_s() + EVERY_S / 2  # the MTU is found by then, mostly

    def tick(self) -> None:
        """Tell what is news, every EVERY_S; call it more often."""
        now = clock.monotonic_s()
        if now < self._due_s:
            return
        self._due_s = now + EVERY_S
        for link in self._links:
            up, down = self._rates[link.kind].read(now, *_sum(link.traffic().values()))
            rates = Figures(up_bytes_per_s=up, down_bytes_per_s=down)
            is_quic = link.kind is LinkKind.QUIC
            self._reporter.figures(link.kind.value, self._quic.merged(rates) if is_quic else rates)


def _sum(rows: Iterable[Traffic]) -> tuple[int, int]:
    up = down = 0
    for row in rows:
        up, down = up + row.up_bytes, down + row.down_bytes
    return up, down
