"""What is known to be old is never shown as current."""

from __future__ import annotations

from dataclasses import replace

from port_linker.ports.types import ServiceState
from port_linker.session.events import UNSEEN, ServiceEvent, SessionEvent
from port_linker.session.stale import StaleMarks
from tests.fakes.causes import why

READY = ServiceEvent(1.0, "dev1", ServiceState.READY, "tcp", 80, "127.0.0.1:80")
MOVED = replace(READY, port=81, remote="127.0.0.1:81", cause=why("remapped"))
GONE = replace(READY, state=ServiceState.GONE)


def reasons(events: list[SessionEvent]) -> list[str | None]:
    found = [event.reason for event in events if isinstance(event, ServiceEvent)]
    events.clear()
    return found


def test_what_is_ready_says_that_it_is_not_seen_and_then_that_it_is() -> None:
    told: list[SessionEvent] = []
    marks = StaleMarks(told.append)
    marks.take(READY)
    marks.take(MOVED)
    told.clear()
    assert marks.set(True, 2.0)
    assert {event.at for event in told} == {2.0}
    assert reasons(told) == [UNSEEN, f"remapped; {UNSEEN}"]
    assert not marks.set(True, 3.0)
    assert marks.set(False, 4.0)
    assert reasons(told) == [None, "remapped"]


def test_what_becomes_ready_meanwhile_is_marked_too_and_what_is_gone_is_left_alone() -> None:
    told: list[SessionEvent] = []
    marks = StaleMarks(told.append)
    marks.take(READY)
    marks.set(True, 2.0)
    marks.take(GONE)
    marks.take(MOVED)
    told.clear()
    marks.set(False, 3.0)
    assert reasons(told) == ["remapped"]
