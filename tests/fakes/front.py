"""A front end without a screen: it keeps what it hears and does what a test says."""

from __future__ import annotations

import asyncio

from port_linker.session.events import SessionEvent, SessionState, StateEvent
from port_linker.session.frontend import SessionControl
from port_linker.session.questions import Question


class ScriptedFront:
    """Keeps events; leaves, or breaks, when told."""

    def __init__(self) -> None:
        self.events: list[SessionEvent] = []
        self.control: SessionControl | None = None
        self.answer: str | None = None
        self.questions: list[Question] = []
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    interactive = False

    def on_event(self, event: SessionEvent) -> None:
        self.events.append(event)

    async def ask(self, question: Question) -> str | None:
        self.questions.append(question)
        return self.answer

    async def run(self, control: SessionControl) -> None:
        self.control = control
        await self._end

    def leave(self) -> None:
        self._end.set_result(None)

    def break_down(self) -> None:
        self._end.set_exception(RuntimeError("the screen broke"))

    def states(self) -> list[str]:
        """The session's states so far, with those of single services left out."""
        return [event.state.value for event in self.events if isinstance(event, StateEvent)]

    def is_in(self, state: SessionState) -> bool:
        return bool(self.states()) and self.states()[-1] == state.value
