"""Who is told of outages, and of which ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from port_linker.link.choose import Choice
from port_linker.link.interface import LinkKind
from port_linker.ports import events as port_events
from port_linker.session import inputs
from port_linker.session.events import SessionEvent
from port_linker.session.reporter import Reporter
from port_linker.session.stale import StaleMarks
from port_linker.session.standing import Standing
from tests.fakes.causes import why

FIRST = inputs.ReportUp(first=True, resumes=False)
AGAIN = inputs.ReportUp(first=False, resumes=True)
LOST = inputs.ReportOutage(why("the cable"), 0.5)


class Scene:
    """A standing between a fake QUIC and fakes of those who are told."""

    def __init__(self) -> None:
        self.events: list[SessionEvent] = []
        self.bound: list[Any] = []
        self.ups: list[None] = []
        self.quic = SimpleNamespace(is_carrying=False)
        binder: Any = SimpleNamespace(handle=self.bound.append)
        news: Any = SimpleNamespace(tell_link_up=lambda: self.ups.append(None))
        quic: Any = self.quic
        reporter = Reporter("dev1", self.events.append)
        self.is_carried = False
        marks = StaleMarks(self.events.append)
        self.standing = Standing(reporter, binder, quic, news, marks, lambda: self.is_carried)

    def told(self) -> list[tuple[str, str]]:
        rows = [event.to_json() for event in self.events]
        self.events.clear()
        return [(row["event"], row["state"]) for row in rows if "state" in row]


def choice(kind: LinkKind, reason: str) -> Choice:
    return Choice(kind, why(reason))


def test_an_outage_of_ssh_is_one_while_nothing_else_carries() -> None:
    scene = Scene()
    scene.standing.take_up(FIRST)
    assert scene.told() == [("session", "up"), ("link", "up")]
    assert scene.ups == []  # the agent's facts, which follow, tell the binder
    scene.standing.take_outage(LOST)
    assert scene.told() == [("session", "outage"), ("link", "down")]
    assert scene.bound == [port_events.LinkDown("the cable")]
    scene.standing.take_up(AGAIN)
    assert scene.told() == [("session", "reattached"), ("session", "up"), ("link", "up")]
    assert len(scene.ups) == 1


def test_ssh_may_go_while_quic_carries() -> None:
    scene = Scene()
    scene.standing.take_up(FIRST)
    scene.quic.is_carrying = True
    scene.standing.take_choice(choice(LinkKind.QUIC, "QUIC answered"))
    scene.told()
    scene.standing.take_outage(LOST)
    assert ("link", "down") in scene.told()
    assert scene.bound == []
    scene.standing.take_up(AGAIN)
    assert scene.told() == [("link", "up")]
    assert scene.ups == []


def test_the_last_link_that_goes_begins_an_outage_and_the_first_that_comes_ends_it() -> None:
    scene = Scene()
    scene.standing.take_up(FIRST)
    scene.quic.is_carrying = True
    scene.standing.take_choice(choice(LinkKind.QUIC, "QUIC answered"))
    scene.standing.take_outage(LOST)
    scene.told()
    scene.quic.is_carrying = False
    scene.standing.take_choice(choice(LinkKind.STDIO, "QUIC is quiet"))
    assert ("session", "outage") in scene.told()
    assert scene.bound == [port_events.LinkDown("QUIC is quiet")]
    scene.quic.is_carrying = True
    scene.standing.take_choice(choice(LinkKind.QUIC, "QUIC answers"))
    assert ("session", "up") in scene.told()
    assert len(scene.ups) == 1


def lost_while_quic_carries() -> Scene:
    scene = Scene()
    scene.standing.take_up(FIRST)
    scene.quic.is_carrying = True
    scene.standing.take_choice(choice(LinkKind.QUIC, "QUIC answered"))
    scene.told()
    scene.standing.take_outage(LOST)
    return scene


def links(scene: Scene) -> list[tuple[str, str | None, bool]]:
    rows = [event.to_json() for event in scene.events]
    scene.events.clear()
    return [(row["state"], row["path"], row["needs_you"]) for row in rows if row["event"] == "link"]


def test_a_carried_link_is_told_as_what_it_is_and_once() -> None:
    scene = lost_while_quic_carries()
    scene.is_carried = True
    scene.standing.tell_ssh()
    scene.standing.take_outage(inputs.ReportOutage(why("the cable"), 4.0))  # the next attempt
    assert links(scene) == [("down", None, False), ("up", "quic", False)]
    scene.standing.take_outage(inputs.ReportOutage(why("refused"), None))
    assert links(scene) == [("up", "quic", True)]
    scene.standing.take_up(AGAIN)
    assert links(scene) == [("up", None, False)]


def test_out_of_sight_is_said_once_unless_the_link_is_carried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("port_linker.session.standing.clock.monotonic_s", lambda: now[0])
    scene = lost_while_quic_carries()
    for _ in range(4):
        now[0] += 0.5
        scene.standing.tick()
    assert [event.name for event in scene.events].count("log") == 1
    scene.events.clear()
    scene.is_carried = True
    for _ in range(4):
        now[0] += 0.5
        scene.standing.tick()
    assert scene.events == []
