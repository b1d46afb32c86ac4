"""The front end of the demo's session: plays the steps, then gives way to the ordinary one. I/O."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from port_linker.demo.board import Board
from port_linker.demo.play import Play, SessionSteps
from port_linker.demo.steps import TARGET_NAME, DemoEvent, StepFailed
from port_linker.session.events import ServiceEvent, SessionEvent
from port_linker.session.frontend import FrontEnd, SessionControl
from port_linker.session.questions import Question

if TYPE_CHECKING:
    from port_linker.demo.helper import TargetProcess


class ClosableFrontEnd(FrontEnd, Protocol):
    """A front end that has last lines to write."""

    def close(self) -> None:
        """Write what waits."""


class DemoFront:
    """Hears the session from its beginning and shows it from its last step on.

    open_ordinary: opens the ordinary front end. at_once: it is shown from the beginning (--json).
    once: the session ends after the last step.
    """

    interactive = False

    def __init__(
        self, open_ordinary: Callable[[], ClosableFrontEnd], at_once: bool, once: bool
    ) -> None:
        self.board = Board()
        self.failed: Exception | None = None
        self._open_ordinary = open_ordinary
        self._ordinary = open_ordinary() if at_once else None
        self._once = once
        self._play: Play | None = None
        self._steps: SessionSteps | None = None
        self._on_played: Callable[[], None] = lambda: None
        self._ours: Mapping[str, int] | None = None

    def prepare(self, play: Play, target: TargetProcess, on_played: Callable[[], None]) -> None:
        """Say what is played when the session begins, and what to call after the last step."""
        self._play, self._on_played = play, on_played
        self._steps = SessionSteps(self.board, target)
        self._ours = None if target.is_private else target.ports

    def on_event(self, event: SessionEvent) -> None:
        """Take one event of the session, or of the demo itself."""
        if isinstance(event, ServiceEvent) and not self._is_ours(event):
            return
        event = dataclasses.replace(event, target=TARGET_NAME)
        if not isinstance(event, DemoEvent):
            self.board.note(event)
        if self._ordinary is not None:
            self._ordinary.on_event(event)

    def _is_ours(self, event: ServiceEvent) -> bool:
        """Whether it is of the demo: a target that is this machine has other services too."""
        return self._ours is None or (
            event.remote.startswith("127.77.") and event.port in self._ours.values()
        )

    async def ask(self, question: Question) -> str | None:
        """Answer nothing: the demo's ports are free ones."""
        del question
        return None

    async def run(self, control: SessionControl) -> None:
        """Play the steps, then show the session until the person leaves."""
        if self._play is None or self._steps is None:
            raise RuntimeError("prepare comes first")
        try:
            await self._steps.play_all(self._play)
            self._on_played()
        except (StepFailed, OSError) as error:  # OSError: nobody reads stdout any more
            self.failed = error
            return
        if self._once:
            return
        if self._ordinary is None:
            self._ordinary = self._open_ordinary()
            for event in self.board.replay():
                self._ordinary.on_event(event)
        await self._ordinary.run(control)

    def close(self) -> None:
        """Write what waits; call it after the last event."""
        if self._ordinary is not None:
            self._ordinary.close()
