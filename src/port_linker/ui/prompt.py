"""Questions on a terminal without a table: asked on stderr, answered by a line on stdin."""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
from collections.abc import Callable

from port_linker.session.questions import Question
from port_linker.ui.terminal import is_in_front

MAX_ANSWER_BYTES = 4096  # one line of a terminal in canonical mode
MAX_TRIES = 3  # then the default stands


def explain_question(question: Question) -> str:
    """Return the question with its answers in one line."""
    answers = ", ".join(f"{choice.key} {choice.word}" for choice in question.choices)
    return f"{question.sentence} ({answers}; Enter: {question.default})"


class LinePrompt:
    """Asks one question after the other. Only for a descriptor that is a terminal.

    say: shows one line to the person.
    """

    def __init__(self, descriptor: int, say: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._say = say
        self._turn = asyncio.Lock()
        self._ended = False

    @property
    def available(self) -> bool:
        """Whether a person can answer now: a reader in the background would be stopped."""
        return not self._ended and is_in_front(self._descriptor)

    async def ask(self, question: Question) -> str | None:
        """Return the word of the choice, or None if nobody can answer."""
        async with self._turn:
            for _ in range(MAX_TRIES):
                if not self.available:
                    return None
                self._say(explain_question(question))
                answer = await self._read_answer()
                if answer is None:
                    self._ended = self.available  # else only moved to the background
                    return None
                word = question.word_of(answer)
                if word is None:
                    self._say(f'"{answer.strip()}" is not one of the answers')
                elif await self._confirms(question, answer):
                    return word
            return question.default

    async def _confirms(self, question: Question, answer: str) -> bool:
        """Whether the person says yes to what cannot be undone; for the rest it is not asked."""
        choice = question.choice_of(answer)
        if choice is None or not choice.confirm:
            return True
        self._say(f"{choice.word} {choice.confirm}. Type yes to do it.")
        said = await self._read_answer()
        return said is not None and said.strip().lower() in ("y", "yes")

    async def _read_answer(self) -> str | None:
        """Return one line, None at the end of input. Cancelled safely."""
        with contextlib.suppress(termios.error):  # what was typed before it was asked is no answer
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        loop.add_reader(self._descriptor, self._take, answer)
        try:
            line = await answer
        finally:
            loop.remove_reader(self._descriptor)
        return line.decode(errors="replace") if line else None

    def _take(self, answer: asyncio.Future[bytes]) -> None:
        line = b""
        if self.available:
            with contextlib.suppress(OSError):
                line = os.read(self._descriptor, MAX_ANSWER_BYTES)
        if not answer.done():
            answer.set_result(line)
