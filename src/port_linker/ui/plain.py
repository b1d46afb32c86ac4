"""The front end without a table: one line per change on stdout, the rest on stderr."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TextIO

from port_linker.model import clean_text
from port_linker.session.events import SessionEvent
from port_linker.session.questions import Question
from port_linker.ui.colour import paint
from port_linker.ui.frontend import SessionControl
from port_linker.ui.lines import Line, LineWriter
from port_linker.ui.outlet import Outlet, watch_reader
from port_linker.ui.prompt import LinePrompt

MAX_LINE_CHARS = 2000  # longer than any sentence of ours, shorter than a flood


@dataclass(frozen=True)
class PlainConfig:
    """How the lines look, and whether questions may be asked.

    answers: the descriptor of the terminal that answers come from, None to ask nothing.
    is_policy_set: what happens to taken ports was chosen, so that no hint is needed.
    is_quic_demanded: the session ends without QUIC, and says why.
    """

    coloured: bool = False
    ascii_only: bool = False
    verbosity: int = 0
    answers: int | None = None
    is_policy_set: bool = False
    is_quic_demanded: bool = False


class PlainLines:
    """Writes a line per change; asks on stderr where a person can answer."""

    def __init__(self, out: TextIO, err: TextIO, config: PlainConfig) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = asyncio.Event()
        self._stream = out
        self._config = config
        self._writer = LineWriter(
            config.ascii_only, config.verbosity, config.is_policy_set, config.is_quic_demanded
        )
        self._out = Outlet(out, self._report_left, _explain_loss)
        self._err = Outlet(err, lambda: None, _explain_loss)
        self._prompt = None if config.answers is None else LinePrompt(config.answers, self.say)

    @property
    def interactive(self) -> bool:
        """Whether a person can answer now."""
        return self._prompt is not None and self._prompt.available

    def on_event(self, event: SessionEvent) -> None:
        """Write the lines of one event; never waits for the reader."""
        for line in self._writer.describe(event):
            outlet = self._err if line.is_progress else self._out
            outlet.put(self._render(line), line.key)

    def _render(self, line: Line) -> str:
        text = clean_text(line.text, MAX_LINE_CHARS)
        if self._config.ascii_only:
            text = text.encode("ascii", "replace").decode("ascii")
        if not line.sign:
            return text
        return f"{paint(line.sign, line.state, self._config.coloured)} {text}"

    def say(self, text: str) -> None:
        """Write one line on stderr."""
        self._err.put(self._render(Line(text)))

    async def ask(self, question: Question) -> str | None:
        """Return the word of the choice, or None if nobody answered."""
        return None if self._prompt is None else await self._prompt.ask(question)

    async def run(self, control: SessionControl) -> None:
        """Return when the reader of stdout has left."""
        del control
        with watch_reader(self._stream, self._left.set):
            await self._left.wait()

    def close(self) -> None:
        """Write what waits; call it after the last event."""
        self._out.close()
        self._err.close()

    def _report_left(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._left.set)


def _explain_loss(count: int) -> str:
    return f"({count} lines were lost because nobody read them in time)"
