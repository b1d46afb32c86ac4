"""What the sidecar tells becomes a choice, moved flows, and words for people, each told once."""

from __future__ import annotations

import pytest

from port_linker import clock
from port_linker.link import reports
from port_linker.link.choose import WELL_S, Choice
from port_linker.link.interface import LinkKind
from port_linker.protocol.quic import QuicLife
from port_linker.session.events import LinkEvent, SessionEvent
from port_linker.session.reporter import Reporter
from port_linker.session.steer import LinkSteer
from tests.fakes.causes import why

ADDRESS = "192.0.2.7:1"


class Stage:
    """A steer, what it moved and what it told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(clock, "monotonic_s", lambda: self.now)
        self.told: list[tuple[str, str | None, str | None]] = []
        self.used: list[LinkKind] = []
        self.told_peer: list[tuple[bool, int]] = []
        self.choices: list[Choice] = []
        self.steer = LinkSteer(self, Reporter("dev1", self.emit), self.choices.append)  # type: ignore[arg-type]
        self.steer.set_stdio(True)

    def tell_bound(self) -> None:
        """Nobody asks."""

    def tell_peer(self, is_quiet: bool, link: int) -> None:
        self.told_peer.append((is_quiet, link))

    def use(self, kind: LinkKind) -> None:
        self.used.append(kind)

    def emit(self, event: SessionEvent) -> None:
        assert isinstance(event, LinkEvent)
        self.told.append((event.state.value, event.reason, event.path))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_it_comes_up(stage: Stage) -> None:
    stage.steer.trying()
    stage.steer.connected(ADDRESS, stage.tell_peer)
    assert stage.told == [("trying", None, None), ("up", None, ADDRESS)]
    assert stage.used[-1] is LinkKind.QUIC
    assert stage.steer.is_on_quic


def test_attempts_that_end_the_same_way_are_told_once(stage: Stage) -> None:
    for _ in range(3):
        stage.steer.trying()
        stage.steer.ended(why("no answer over UDP"))
    assert stage.told == [("trying", None, None), ("down", "no answer over UDP", None)]
    assert stage.used.count(LinkKind.QUIC) == 0
    assert stage.choices == []


def test_silence_and_the_way_back(stage: Stage) -> None:
    stage.steer.trying()
    stage.steer.connected(ADDRESS, stage.tell_peer)
    stage.steer.take(reports.Quiet())
    assert not stage.steer.is_on_quic
    stage.steer.take(reports.PathChanged("relay", ADDRESS))
    stage.steer.take(reports.Heard())
    assert stage.told[-1] == ("down", "UDP does not pass; open flows go over ssh", "ssh")
    stage.steer.take(reports.PathChanged("udp", ADDRESS))
    assert not stage.steer.is_on_quic
    stage.now += WELL_S
    stage.steer.look()
    assert [choice.kind.value for choice in stage.choices] == ["quic", "stdio", "quic"]
    assert stage.told[-1][0::2] == ("up", ADDRESS)


def test_what_the_target_says_over_ssh_moves_flows(stage: Stage) -> None:
    stage.steer.trying()
    stage.steer.connected(ADDRESS, stage.tell_peer)
    stage.steer.take(QuicLife(1, is_quiet=True, link=1))
    assert not stage.steer.is_on_quic
    assert stage.told[-1] == ("down", "UDP does not answer", ADDRESS)
    stage.steer.take(QuicLife(1, is_quiet=False, link=1))
    stage.now += WELL_S
    stage.steer.look()
    assert stage.steer.is_on_quic


def test_the_agent_is_told_while_ssh_is_up_and_when_it_comes_back(stage: Stage) -> None:
    stage.steer.connected(ADDRESS, stage.tell_peer)
    stage.steer.take(reports.Quiet())
    stage.steer.set_stdio(False)
    stage.steer.take(reports.Heard())
    stage.steer.take(reports.Quiet())
    told = [(False, 1), (True, 1)]
    assert stage.told_peer == told
    stage.steer.set_stdio(True)
    assert stage.told_peer == [*told, (True, 2)]
    stage.steer.ended(why("gone"))
    stage.steer.set_stdio(True)
    assert stage.told_peer == [*told, (True, 2)]


def test_what_the_target_said_before_an_outage_is_old_news(stage: Stage) -> None:
    stage.steer.connected(ADDRESS, stage.tell_peer)
    stage.steer.set_stdio(False)
    stage.steer.take(QuicLife(1, is_quiet=True, link=1))
    assert stage.steer.is_on_quic
    stage.steer.set_stdio(True)
    stage.steer.take(QuicLife(1, is_quiet=True, link=1))
    assert stage.steer.is_on_quic
    stage.steer.take(QuicLife(1, is_quiet=True, link=2))
    assert not stage.steer.is_on_quic


def test_flows_that_went_there_for_want_of_ssh_stay(stage: Stage) -> None:
    stage.steer.connected(ADDRESS, stage.tell_peer)
    stage.steer.take(reports.Quiet())
    stage.steer.set_stdio(False)
    stage.steer.take(reports.Heard())
    assert stage.steer.is_on_quic
    stage.steer.set_stdio(True)
    assert stage.steer.is_on_quic


def test_without_ssh_it_goes_back_at_once(stage: Stage) -> None:
    stage.steer.trying()
    stage.steer.connected(ADDRESS, stage.tell_peer)
    stage.steer.take(reports.Quiet())
    stage.steer.take(reports.Heard())
    assert not stage.steer.is_on_quic
    stage.steer.set_stdio(False)
    assert stage.steer.is_on_quic


def test_failures_are_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.steer.take(reports.Failed("bad-command", "x", "release"))
    assert "the sidecar failed" in caplog.messages


def test_an_absence_is_told_once(stage: Stage) -> None:
    stage.steer.absent(why("not installed"))
    stage.steer.absent(why("not installed"))
    assert stage.told == [("down", "not installed", None)]
