"""Both links are measured, and told at a rate that floods nobody."""

from __future__ import annotations

import pytest

from port_linker import clock
from port_linker.link import reports
from port_linker.link.interface import LinkKind
from port_linker.link.quic_link import QuicLink
from port_linker.model import Proto, ServiceId
from port_linker.observe.counters import Traffic
from port_linker.protocol.gauge import QuicCounted
from port_linker.session.events import LinkEvent, LinkState, SessionEvent
from port_linker.session.meter import EVERY_S, LinkMeter
from port_linker.session.reporter import Reporter
from tests.fakes.causes import why

SERVICE = ServiceId(Proto.TCP, "127.0.0.1", 80)


class FakeStdio:
    """A link that has carried what the test says."""

    kind = LinkKind.STDIO

    def __init__(self) -> None:
        self.row = Traffic()

    def traffic(self) -> dict[ServiceId, Traffic]:
        return {SERVICE: self.row}


class Stage:
    """A meter, its clock, its links and what it told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(clock, "monotonic_s", lambda: self.now)
        self.told: list[LinkEvent] = []
        self.stdio = FakeStdio()
        self.reporter = Reporter("dev1", self.emit)
        self.meter = LinkMeter(self.stdio, QuicLink(), self.reporter)  # type: ignore[arg-type]

    def emit(self, event: SessionEvent) -> None:
        assert isinstance(event, LinkEvent)
        self.told.append(event)

    def take(
        self, sent: int, lost: int, down_bytes: int = 0, there: QuicCounted | None = None
    ) -> None:
        """One second passes, and the sidecar tells its counters."""
        self.now += 1.0
        row = reports.ServiceStats(down_bytes=down_bytes)
        found = reports.ConnectionStats(rtt_ms=38.0, mtu=1472, sent_packets=sent, lost_packets=lost)
        self.meter.take(reports.Stats({SERVICE.key: row}, found), there)
        self.meter.tick()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage(monkeypatch)
    made.reporter.link("stdio", LinkState.UP)
    made.reporter.link("quic", LinkState.UP, path="192.0.2.7:60000")
    made.meter.connected()
    made.told.clear()
    return made


def test_steady_figures_are_told_once(stage: Stage) -> None:
    for second in range(20):
        stage.take(second, 0)
    (told,) = stage.told
    assert (told.link, told.path, told.mtu, told.rtt_ms) == ("quic", "192.0.2.7:60000", 1472, 38.0)
    assert told.loss_percent is None, "few packets say nothing"


def test_figures_that_change_all_the_time_are_told_every_two_seconds(stage: Stage) -> None:
    moved = 0
    for second in range(1, 21):
        moved += 10_000_000 if second // 4 % 2 else 1000
        stage.take(second, 0, moved)
    assert len(stage.told) <= 20 / EVERY_S
    assert max(event.down_bytes_per_s or 0 for event in stage.told) > 5_000_000


def test_loss_is_of_the_direction_that_loses_more(stage: Stage) -> None:
    stage.take(0, 0, there=QuicCounted(1, 0, 0))
    stage.take(1000, 10, there=QuicCounted(1, 2000, 100))
    stage.take(2000, 20, there=QuicCounted(1, 4000, 200))
    assert stage.told[-1].loss_percent == 5.0


def test_a_new_connection_begins_without_figures(stage: Stage) -> None:
    stage.take(1, 0)
    stage.reporter.link("quic", LinkState.DOWN, why("it ended"))
    stage.reporter.link("quic", LinkState.UP, path="192.0.2.7:60001")
    stage.meter.connected()
    stage.told.clear()
    stage.now += EVERY_S
    stage.meter.tick()
    assert stage.told == []
    stage.meter.take(reports.Stats({}, None), None)


def test_what_goes_over_ssh_is_told_too(stage: Stage) -> None:
    for _ in range(3):
        stage.now += EVERY_S
        stage.stdio.row.up_bytes += 4_000_000
        stage.meter.tick()
    told = [event for event in stage.told if event.link == "stdio"]
    assert [(event.up_bytes_per_s, event.path) for event in told] == [(2_000_000.0, None)]
