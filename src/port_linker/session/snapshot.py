"""The picture that the events of a session add up to: what the table draws. Pure.

Bounded: rows are bounded by what the target may offer (the room `ports` limits it), those of
services that are gone leave after GONE_SHOWN_S.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from port_linker.cause import Cause
from port_linker.ports.types import ServiceState
from port_linker.session.events import (
    HelloEvent,
    LinkEvent,
    LinkState,
    ServiceEvent,
    SessionEvent,
    SessionState,
    StateEvent,
)
from port_linker.session.questions import Question

if TYPE_CHECKING:
    from port_linker.link.interface import Traffic

GONE_SHOWN_S = 5.0  # chosen: long enough to be read, short enough not to lie
RATE_WEIGHT = 0.6  # of the newest sample; the older ones fade within about three polls


@dataclass(frozen=True)
class Row:
    """One service as the table shows it.

    since: when its state began (seconds since 1970). Rates are bytes per second, smoothed.
    up: from here to the target, down: from the target to here.
    """

    event: ServiceEvent
    since: float
    up_bytes: int = 0
    down_bytes: int = 0
    up_rate: float = 0.0
    down_rate: float = 0.0
    flows_open: int = 0
    flows_total: int = 0
    refused: int = 0

    @property
    def key(self) -> str:
        """What names the service: "tcp/127.0.0.1:5432"."""
        return self.event.key

    @property
    def state(self) -> ServiceState:
        """How the service stands on this machine."""
        return self.event.state

    @property
    def remapped(self) -> bool:
        """Whether the local port differs from the service's."""
        ports = {address.rpartition(":")[2] for address in self.event.local}
        return bool(ports) and ports != {str(self.event.port)}


@dataclass
class Snapshot:
    """The picture now. Fold events in; read the fields.

    state_since, up_since, outage_since: seconds since 1970, None if that never began.
    link, rtt_ms: the link that carries new flows; None while there is none.
    """

    target: str
    version: str = ""
    session: str = ""
    state: SessionState = SessionState.CONNECTING
    cause: Cause | None = None
    retry_at: float | None = None
    state_since: float | None = None
    up_since: float | None = None
    outage_since: float | None = None
    links: dict[str, LinkEvent] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    _polled_at: float | None = None
    _active: set[str] = field(default_factory=set)  # keys whose rate is not zero

    def fold(self, event: SessionEvent) -> None:
        """Take one event in; an event of an unknown kind changes nothing."""
        if isinstance(event, ServiceEvent):
            _fold_service(self, event)
        elif isinstance(event, LinkEvent):
            _fold_link(self, event)
        elif isinstance(event, StateEvent):
            _fold_state(self, event)
        elif isinstance(event, HelloEvent):
            _fold_hello(self, event)
        # The log and conflicts change nothing here: a service's own event carries the reason.

    def open_question(self, question: Question) -> None:
        """Remember a question until close_question."""
        self.questions[question.id] = question

    def close_question(self, question_id: str) -> None:
        """Forget a question; nothing happens if it is not open."""
        self.questions.pop(question_id, None)

    def fold_traffic(self, counters: Mapping[str, Traffic], now_s: float) -> None:
        """Take the counters by service key; now_s is monotonic and gives the rates."""
        passed_s = None if self._polled_at is None else now_s - self._polled_at
        self._polled_at = now_s
        for key in self._active - counters.keys():
            if (row := self.rows.get(key)) is not None:
                self.rows[key] = replace(row, up_rate=0.0, down_rate=0.0, flows_open=0)
        self._active &= counters.keys()
        for key, traffic in counters.items():
            if (row := self.rows.get(key)) is not None and _has_moved(row, traffic):
                self.rows[key] = row = _with_traffic(row, traffic, passed_s)
                is_active = row.up_rate or row.down_rate or row.flows_open
                (self._active.add if is_active else self._active.discard)(key)

    def prune(self, wall_s: float) -> None:
        """Let rows of services that are gone leave after GONE_SHOWN_S."""
        for key, row in list(self.rows.items()):
            if row.state is ServiceState.GONE and wall_s - row.since >= GONE_SHOWN_S:
                del self.rows[key]

    def counts(self) -> Counter[ServiceState]:
        """Return how many services stand in each state."""
        return Counter(row.state for row in self.rows.values())

    @property
    def link(self) -> str | None:
        """The link in use: quic if it is up, else stdio if that is."""
        up = [name for name, event in self.links.items() if event.state is LinkState.UP]
        return "quic" if "quic" in up else next(iter(up), None)

    @property
    def rtt_ms(self) -> float | None:
        """The round trip of the link in use, in milliseconds, as last measured."""
        return self.links[self.link].rtt_ms if self.link else None

    def rates(self) -> tuple[float, float]:
        """Return what moves now, up and down, of all services; bytes per second."""
        rows = [self.rows[key] for key in self._active if key in self.rows]
        return sum(row.up_rate for row in rows), sum(row.down_rate for row in rows)

    def uptime_s(self, wall_s: float) -> float | None:
        """Seconds since the session was first up."""
        return None if self.up_since is None else max(0.0, wall_s - self.up_since)

    def outage_s(self, wall_s: float) -> float | None:
        """Seconds of the outage so far; None when there is none."""
        return None if self.outage_since is None else max(0.0, wall_s - self.outage_since)

    def retry_in_s(self, wall_s: float) -> float | None:
        """Seconds until the next attempt to reach the target, if one is planned."""
        return None if self.retry_at is None else max(0.0, self.retry_at - wall_s)


def _has_moved(row: Row, traffic: Traffic) -> bool:
    return bool(
        row.up_rate
        or row.down_rate
        or row.up_bytes != traffic.up_bytes
        or row.down_bytes != traffic.down_bytes
        or row.flows_open != traffic.flows_open
        or row.flows_total != traffic.flows_total
        or row.refused != traffic.refused
    )


def _with_traffic(row: Row, traffic: Traffic, passed_s: float | None) -> Row:
    return replace(
        row,
        up_bytes=traffic.up_bytes,
        down_bytes=traffic.down_bytes,
        up_rate=_rate(row.up_rate, traffic.up_bytes - row.up_bytes, passed_s),
        down_rate=_rate(row.down_rate, traffic.down_bytes - row.down_bytes, passed_s),
        flows_open=traffic.flows_open,
        flows_total=traffic.flows_total,
        refused=traffic.refused,
    )


def _rate(before: float, moved_bytes: int, passed_s: float | None) -> float:
    """Return the smoothed rate; counters that went back (a new link) count as no movement."""
    if passed_s is None or passed_s <= 0:
        return before
    rate = RATE_WEIGHT * max(0, moved_bytes) / passed_s + (1 - RATE_WEIGHT) * before
    return rate if rate >= 1.0 else 0.0


def _fold_hello(picture: Snapshot, event: HelloEvent) -> None:
    picture.target = event.target
    picture.version = event.version
    picture.session = event.session


def _fold_service(picture: Snapshot, event: ServiceEvent) -> None:
    before = picture.rows.get(event.key)
    if before is None:
        picture.rows[event.key] = Row(event, since=event.at)
        return
    since = before.since if before.state is event.state else event.at
    picture.rows[event.key] = replace(before, event=event, since=since)


def _fold_state(picture: Snapshot, event: StateEvent) -> None:
    if event.state is not picture.state or picture.state_since is None:
        picture.state_since = event.at
    picture.state = event.state
    picture.cause = event.cause
    picture.retry_at = None if event.retry_in_s is None else event.at + event.retry_in_s
    if event.state is SessionState.OUTAGE:
        picture.outage_since = picture.outage_since or event.at - (event.silent_s or 0.0)
    elif event.state in (SessionState.UP, SessionState.REATTACHED):
        picture.outage_since = None
        picture.up_since = picture.up_since or event.at


def _fold_link(picture: Snapshot, event: LinkEvent) -> None:
    before = picture.links.get(event.link)
    picture.links[event.link] = event if before is None else event.merged(before)
