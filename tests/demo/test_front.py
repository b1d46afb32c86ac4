"""The demo's front end: it plays, filters, renames, and gives way to the ordinary one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from port_linker.demo import steps
from port_linker.demo.front import DemoFront
from port_linker.demo.helper import TargetProcess
from port_linker.demo.play import Play, SessionSteps
from port_linker.demo.steps import DemoEvent, StepFailed
from port_linker.link.interface import Traffic
from port_linker.session.events import SessionEvent
from port_linker.session.frontend import SessionControl
from port_linker.session.questions import Question
from tests.ui import samples


class FakeFront:
    interactive = False

    def __init__(self) -> None:
        self.events: list[SessionEvent] = []
        self.ran = self.closed = False

    def on_event(self, event: SessionEvent) -> None:
        self.events.append(event)

    async def ask(self, question: Question) -> str | None:
        raise AssertionError

    async def run(self, control: SessionControl) -> None:
        self.ran = True

    def close(self) -> None:
        self.closed = True


class Control:
    def quit(self) -> None: ...

    def reconnect_now(self) -> None: ...

    def has_answer(self, _key: str) -> bool:
        return False

    def take_back(self, _key: str) -> bool:
        return False

    async def login(self) -> None: ...

    def traffic(self) -> Mapping[str, Traffic]:
        return {}


class FakeTarget(TargetProcess):
    def __init__(self, is_private: bool) -> None:
        self.is_private = is_private
        self.ports = {"web": 5432}


def make(
    monkeypatch: pytest.MonkeyPatch,
    error: Exception | None = None,
    *,
    at_once: bool = False,
    once: bool = False,
    is_private: bool = True,
) -> tuple[DemoFront, FakeFront, list[str]]:
    ordinary, told = FakeFront(), list[str]()

    async def play_all(self: SessionSteps, play: Play) -> None:
        told.append("played")
        if error is not None:
            raise error

    monkeypatch.setattr(SessionSteps, "play_all", play_all)
    front = DemoFront(lambda: ordinary, at_once=at_once, once=once)
    front.prepare(Play(lambda _: None), FakeTarget(is_private), lambda: told.append("end"))
    return front, ordinary, told


async def test_the_ordinary_one_hears_all_after_the_last_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    front, ordinary, told = make(monkeypatch)
    front.on_event(samples.service(80))
    assert ordinary.events == []
    await front.run(Control())
    assert told == ["played", "end"]
    assert ordinary.ran
    assert [event.target for event in ordinary.events] == ["demo"]
    front.on_event(samples.service(81))
    assert len(ordinary.events) == 2
    front.close()
    assert ordinary.closed


async def test_with_json_it_hears_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    front, ordinary, _ = make(monkeypatch, at_once=True)
    front.on_event(samples.service(80))
    front.on_event(DemoEvent(0, "demo", steps.WEB, True, "text", 1))
    assert [event.name for event in ordinary.events] == ["service", "demo"]
    await front.run(Control())
    assert len(ordinary.events) == 2
    assert ordinary.ran


async def test_once_ends_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    front, ordinary, told = make(monkeypatch, once=True)
    await front.run(Control())
    assert told == ["played", "end"]
    assert not ordinary.ran
    front.close()


@pytest.mark.parametrize("error", [StepFailed(steps.WEB, "no"), BrokenPipeError()])
async def test_a_failure_ends_the_session_and_is_kept(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    front, ordinary, told = make(monkeypatch, error)
    await asyncio.wait_for(front.run(Control()), 5)
    assert front.failed is error
    assert told == ["played"]
    assert not ordinary.ran


async def test_on_this_machine_nothing_but_the_demo_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    front, ordinary, _ = make(monkeypatch, at_once=True, is_private=False)
    front.on_event(samples.service(5432, host="127.77.0.1"))
    front.on_event(samples.service(5432, host="127.0.0.1"))
    front.on_event(samples.service(80, host="127.77.0.1"))
    assert [event.to_json()["remote"] for event in ordinary.events] == ["127.77.0.1:5432"]


async def test_nothing_is_asked_and_prepare_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    front, _, _ = make(monkeypatch)
    assert await front.ask(samples.question()) is None
    assert not front.interactive
    with pytest.raises(RuntimeError, match="prepare"):
        await DemoFront(FakeFront, at_once=False, once=False).run(Control())
