"""The front end on a terminal: the live table. Textual itself is imported when it is needed.

Before the session is up the terminal belongs to ssh, which may ask for a password there; the table
begins after that. If the table fails, plain lines go on: the session does not end over a display.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import logging
import signal
import sys
from typing import TYPE_CHECKING

from port_linker.session.events import LogEvent, SessionEvent, SessionState, StateEvent
from port_linker.session.frontend import SessionControl
from port_linker.session.questions import Question
from port_linker.session.snapshot import Snapshot
from port_linker.tasks import start_task
from port_linker.ui.plain import PlainConfig, PlainLines
from port_linker.ui.terminal import guard_terminal, is_in_front, release_terminal
from port_linker.ui.text.journal import Journal

if TYPE_CHECKING:
    from port_linker.ui.table.app import TableApp

logger = logging.getLogger(__name__)
FRONT_POLL_S = 0.3  # chosen: nothing tells when a job comes to the front
LEAVE_WAIT_S = 3.0  # for Textual to take its widgets down
_KEPT_SIGNALS = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)  # Textual sets and leaves them


class _End(enum.Enum):
    """Why a table ended."""

    LEFT = enum.auto()  # by the person
    AWAY = enum.auto()  # the program went to the background
    FAILED = enum.auto()


def _load_textual() -> None:
    """Import what the table needs (130 ms); done in a thread so that no flow waits for it."""
    import port_linker.ui.table.app  # noqa: F401


class LiveScreen:
    """Shows the table from the first `up` until the person leaves."""

    interactive = True

    def __init__(self, target: str, config: PlainConfig, no_color: bool = False) -> None:
        self._picture = Snapshot(target)
        self._config = config
        self._no_color = no_color
        self._journal = Journal(config.ascii_only)
        self._plain = PlainLines(sys.stdout, sys.stderr, config)
        self._app: TableApp | None = None
        self._is_up = asyncio.Event()
        self._asking = asyncio.Event()  # set once somebody can be asked: table or plain lines
        self._is_plain = False
        self._is_lent = False  # the terminal, to ssh
        self._is_interrupted = False
        self._last: SessionEvent | None = None  # the end, if the table was there to hide it

    def on_event(self, event: SessionEvent) -> None:
        """Take the event into the picture; the table draws it within half a second."""
        self._picture.fold(event)
        self._journal.take(event)
        is_plain = self._is_plain or self._app is None or self._is_lent
        if self._is_plain or (is_plain and _is_for_the_shell(event)):
            self._plain.on_event(event)
        elif _is_end(event):
            self._last = event
        if isinstance(event, StateEvent) and event.state is SessionState.UP:
            self._is_up.set()

    async def ask(self, question: Question) -> str | None:
        """Ask above the table; before there is one, wait for it."""
        self._picture.open_question(question)
        try:
            while True:
                await self._asking.wait()
                app = self._app
                if app is None:
                    return await self._plain.ask(question)
                answer = await app.questioner.ask(question)
                if not app.is_away:
                    return answer  # else it is asked again once the table is back
        finally:
            self._picture.close_question(question.id)

    async def run(self, control: SessionControl) -> None:
        """Return when the person has left; the terminal is as it was."""
        loading = asyncio.to_thread(_load_textual)
        await asyncio.gather(loading, self._is_up.wait())
        while (end := await self._run_table(control)) is _End.AWAY:
            await self._wait_for_the_terminal()
        if end is _End.LEFT:
            if self._is_interrupted:
                await asyncio.Event().wait()  # the signal ends the session, and that cancels us
            return
        self._is_plain = True
        self._asking.set()
        self._plain.say("the table failed; plain lines go on, the log has the details")
        for row in list(self._picture.rows.values()):
            self._plain.on_event(row.event)
        await self._plain.run(control)

    def close(self) -> None:
        """Write what waits; call it after the last event."""
        if self._last is not None:
            self._plain.on_event(self._last)
        self._plain.close()

    async def _wait_for_the_terminal(self) -> None:
        """Go on in the background with plain lines; questions wait for the person."""
        self._is_plain = True
        self._plain.say("in the background: plain lines go on, fg brings the table back")
        while not is_in_front(sys.stdin.fileno()):  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(FRONT_POLL_S)
        self._is_plain = False

    async def _run_table(self, control: SessionControl) -> _End:
        """Show the table; return how it ended."""
        app = self._make_app(control)
        handlers = [(number, signal.getsignal(number)) for number in _KEPT_SIGNALS]
        loop = asyncio.get_running_loop()
        factory = loop.get_task_factory()
        guard_terminal()
        running = start_task(app.run_async(mouse=False), "table")
        loop.call_soon(loop.set_task_factory, factory)  # Textual makes all tasks eager (3.12 on)
        self._app = app
        self._asking.set()
        try:
            await asyncio.wait([running])
        finally:
            self._app = None
            self._asking.clear()
            await self._take_down(app, running)
            release_terminal()
            for number, handler in handlers:
                signal.signal(number, handler)
        if app.is_away:
            return _End.AWAY
        return _End.FAILED if self._has_failed(app, running) else _End.LEFT

    def _make_app(self, control: SessionControl) -> TableApp:
        from port_linker.ui.table.app import TableApp
        from port_linker.ui.table.hooks import AppHooks

        hooks = AppHooks(
            traffic=control.traffic,
            reconnect_now=control.reconnect_now,
            has_answer=control.has_answer,
            take_back=control.take_back,
            login=functools.partial(self._log_in, control),
            interrupt=self._interrupt,
            log=self._journal.lines,
        )
        config = self._config
        return TableApp(self._picture, hooks, config.ascii_only, self._no_color, not config.is_only)

    async def _log_in(self, control: SessionControl) -> None:
        """Let ssh have the terminal, and what it says be read there."""
        self._is_lent = True
        self._plain.say(f"ssh logs in to {self._picture.target}; the table is back afterwards")
        try:
            await control.login()
        finally:
            self._is_lent = False

    def _interrupt(self) -> None:
        """Ctrl-C above the table: give the terminal back at once, so that a second one is real."""
        self._is_interrupted = True
        if self._app is not None:
            self._app.exit()
        signal.raise_signal(signal.SIGINT)

    async def _take_down(self, app: TableApp, running: asyncio.Task[None]) -> None:
        app.questioner.stop()
        if not running.done():
            app.exit()
            await asyncio.wait([running], timeout=LEAVE_WAIT_S)
        if not running.done():
            running.cancel()
            await asyncio.wait([running], timeout=LEAVE_WAIT_S)

    def _has_failed(self, app: TableApp, running: asyncio.Task[None]) -> bool:
        error = app.failure or (running.exception() if not running.cancelled() else None)
        if error is not None:
            logger.error("the table failed", exc_info=error)
        return error is not None


def _is_end(event: SessionEvent) -> bool:
    return isinstance(event, StateEvent) and event.state is SessionState.CLOSED


def _is_for_the_shell(event: SessionEvent) -> bool:
    """Whether the event matters before and after the table: warnings, and the end."""
    return _is_end(event) or isinstance(event, LogEvent)
