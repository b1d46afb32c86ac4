"""The front end without a table: one line per change on stdout, the rest on stderr."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TextIO

from port_linker import clock
from port_linker.model import clean_text
from port_linker.session.events import LinkEvent, SessionEvent, SessionState, StateEvent
from port_linker.session.frontend import SessionControl
from port_linker.session.questions import LOGIN, Choice, Question
from port_linker.tasks import start_task
from port_linker.ui.colour import paint
from port_linker.ui.format import format_clock
from port_linker.ui.outlet import Outlet, watch_reader
from port_linker.ui.prompt import LinePrompt
from port_linker.ui.text.journal import Repeats
from port_linker.ui.text.lines import Line, LineWriter

COUNT_AFTER_S = 0.5  # since the first service that --only leaves out; the others follow at once
MAX_LINE_CHARS = 2000  # longer than any sentence of ours, shorter than a flood


@dataclass(frozen=True)
class PlainConfig:
    """How the lines look, and whether questions may be asked.

    answers: the descriptor of the terminal that answers come from, None to ask nothing.
    is_policy_set: what happens to taken ports was chosen, so that no hint is needed.
    is_quic_demanded: the session ends without QUIC, and says why.
    is_only: the rest is left out because of --only, so that nobody wants to see it.
    """

    coloured: bool = False
    ascii_only: bool = False
    verbosity: int = 0
    answers: int | None = None
    is_policy_set: bool = False
    is_quic_demanded: bool = False
    is_only: bool = False


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
        self._repeats = Repeats()
        self._counting: asyncio.TimerHandle | None = None
        self._out = Outlet(out, self._report_left, _explain_loss)
        self._err = Outlet(err, lambda: None, _explain_loss)
        self._control: SessionControl | None = None
        self._login: asyncio.Task[None] | None = None
        self._prompt = None if config.answers is None else LinePrompt(config.answers, self.say)

    @property
    def interactive(self) -> bool:
        """Whether a person can answer now."""
        return self._prompt is not None and self._prompt.available

    def on_event(self, event: SessionEvent) -> None:
        """Write the lines of one event; never waits for the reader."""
        if isinstance(event, StateEvent) and event.state is not SessionState.OUTAGE:
            self._repeats.clear()
        if self._counting is None and self._writer.count_left_out():
            self._counting = self._loop.call_later(COUNT_AFTER_S, self._tell_left_out)
        for line in self._writer.describe(event):
            text = self._repeats.take(line.text, event.at) if line.may_repeat else line.text
            if text is not None:
                outlet = self._err if line.is_progress else self._out
                outlet.put(self._render(replace(line, text=text), event.at), line.key)
        if isinstance(event, LinkEvent) and event.link == "stdio":
            self._offer_login(event)

    def _tell_left_out(self) -> None:
        line = Line(self._writer.count_left_out())
        self._out.put(self._render(line, clock.wall_s()))

    def _render(self, line: Line, at: float | None = None) -> str:
        text = clean_text(line.text, MAX_LINE_CHARS)
        time = "" if at is None else f"{format_clock(at)} "
        if self._config.ascii_only:
            text = text.encode("ascii", "replace").decode("ascii")
        if not line.sign:
            return time + text
        return f"{time}{paint(line.sign, line.state, self._config.coloured)} {text}"

    def say(self, text: str) -> None:
        """Write one line on stderr."""
        self._err.put(self._render(Line(text)))

    async def ask(self, question: Question) -> str | None:
        """Return the word of the choice, or None if nobody answered."""
        return None if self._prompt is None else await self._prompt.ask(question)

    async def run(self, control: SessionControl) -> None:
        """Return when the reader of stdout has left."""
        self._control = control
        with watch_reader(self._stream, self._left.set):
            await self._left.wait()

    def close(self) -> None:
        """Write what waits; call it after the last event."""
        if self._counting is not None:
            self._counting.cancel()
        self._out.close()
        self._err.close()

    def _offer_login(self, event: LinkEvent) -> None:
        """Ask the person to log in as long as ssh needs them."""
        if not event.needs_you:
            login, self._login = self._login, None
            if login is not None:
                login.cancel()
        elif (
            (self._login is None or self._login.done())
            and self._control is not None
            and self.interactive
        ):
            self._login = start_task(self._run_login(self._control, event.target), "login")

    async def _run_login(self, control: SessionControl, target: str) -> None:
        """Ask until they answer, which may be much later; another refusal is another question."""
        choices = (Choice("l", "login", "log in to it"), Choice("n", "no", "leave it so"))
        sentence = f"ssh needs you: log in to {target} again?"
        question = Question("login", LOGIN, sentence, choices, "login")
        if await self.ask(question) == "login":
            await control.login()

    def _report_left(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._left.set)


def _explain_loss(count: int) -> str:
    return f"({count} lines were lost because nobody read them in time)"
