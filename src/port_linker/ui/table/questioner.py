"""Questions above the table, one after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from textual.app import App

from port_linker.session.questions import Question
from port_linker.ui.table.dialogs import DEFAULT_FOR_ALL, QuestionScreen


@dataclass(frozen=True, eq=False)
class _Asked:
    question: Question
    answer: asyncio.Future[str | None]


class Questioner:
    """Asks in turn; a question that settled itself leaves the screen. Bounded by its callers."""

    def __init__(
        self, app: App[None], is_typing: Callable[[], bool], on_waiting: Callable[[], None]
    ) -> None:
        """is_typing: whether a filter is typed. on_waiting: is called if questions wait for it."""
        self._app, self._is_typing, self._on_waiting = app, is_typing, on_waiting
        self._waiting: deque[_Asked] = deque()
        self._shown: tuple[_Asked, QuestionScreen] | None = None
        self._started = False

    def start(self) -> None:
        """The screen is there: show what has been asked meanwhile."""
        self._started = True
        self._app.call_later(self._show_next)

    def stop(self) -> None:
        """The person has left: nobody answers any more."""
        asked = [*self._waiting, *([self._shown[0]] if self._shown else [])]
        self._waiting.clear()
        for item in asked:
            _settle(item, None)

    async def ask(self, question: Question) -> str | None:
        """Return the word of the choice, None if nobody is there to answer."""
        item = _Asked(question, asyncio.get_running_loop().create_future())
        self._waiting.append(item)
        self.wake()
        try:
            return await item.answer
        finally:
            if item in self._waiting:
                self._waiting.remove(item)
            self.wake()

    @property
    def waiting(self) -> int:
        """How many questions are not on the screen yet."""
        return len(self._waiting)

    def wake(self) -> None:
        """Show what waits, if it may be shown now."""
        if self._started and self._app.is_running:
            self._app.call_later(self._show_next)

    def _show_next(self) -> None:
        if self._shown is not None:
            item, screen = self._shown
            if item.answer.done() and screen.is_current:
                screen.leave()
            return
        if self._waiting and self._is_typing():
            self._on_waiting()
        elif self._waiting:
            item = self._waiting.popleft()
            screen = QuestionScreen(item.question, len(self._waiting))
            self._shown = (item, screen)
            self._app.push_screen(screen, self._take)

    def _take(self, word: str | None) -> None:
        assert self._shown is not None  # noqa: S101 - one screen, one answer
        item, _ = self._shown
        self._shown = None
        if word == DEFAULT_FOR_ALL:
            for other in self._waiting:
                _settle(other, other.question.default)
            self._waiting.clear()
            word = item.question.default
        _settle(item, word)
        self.wake()


def _settle(item: _Asked, word: str | None) -> None:
    if not item.answer.done():
        item.answer.set_result(word)
