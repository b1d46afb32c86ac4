"""The front end for scripts: one JSON object per line on stdout; it asks nothing."""

from __future__ import annotations

import asyncio
import json
from typing import TextIO

from port_linker import clock
from port_linker.session.events import LogEvent, ServiceEvent, SessionEvent
from port_linker.session.frontend import SessionControl
from port_linker.session.questions import Question
from port_linker.ui.outlet import MAX_WAITING_LINES, Outlet, watch_reader


def encode_line(event: SessionEvent) -> str:
    """Return the event as one line of ASCII; what the target sent cannot break out of it."""
    return json.dumps(event.to_json(), ensure_ascii=True, separators=(",", ":"))


class JsonLines:
    """Writes every event; quits when nobody reads any more."""

    interactive = False

    def __init__(self, stream: TextIO, target: str, limit: int = MAX_WAITING_LINES) -> None:
        self._loop = asyncio.get_running_loop()
        self._target = target
        self._left = asyncio.Event()
        self._stream = stream
        self._outlet = Outlet(stream, self._report_left, self._explain_loss, limit)

    def on_event(self, event: SessionEvent) -> None:
        """Hand the event over; never waits for the reader."""
        key = event.key if isinstance(event, ServiceEvent) else None
        self._outlet.put(encode_line(event), key)

    async def ask(self, question: Question) -> str | None:
        """Answer nothing: a script is told by the conflict event instead."""
        del question
        return None

    async def run(self, control: SessionControl) -> None:
        """Return when the reader has left."""
        del control
        with watch_reader(self._stream, self._left.set):
            await self._left.wait()

    def close(self) -> None:
        """Write what waits; call it after the last event."""
        self._outlet.close()

    def _report_left(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._left.set)

    def _explain_loss(self, count: int) -> str:
        message = f"{count} lines were lost because nobody read them in time"
        return encode_line(LogEvent(clock.wall_s(), self._target, "warning", "host", message))
