"""Sends the agent's log to the host, keeping what is written while it is away. I/O; Python 3.9."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import Any

from port_linker import clock
from port_linker.mux.engine import Engine
from port_linker.observe.logs import CallbackHandler, attach_handler, detach_handler

KEPT_LINES = 500  # for the host while it is away, or while it does not read


class LogSender:
    """Takes what the agent logs; stdout belongs to frames and stderr is gone with the attacher."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lines: list[dict[str, Any]] = []
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._handler = CallbackHandler(self._on_line)

    def open(self) -> None:
        """Take the log from now on."""
        attach_handler(self._handler, logging.INFO)

    def close(self) -> None:
        """Let go of it."""
        detach_handler(self._handler)

    def _on_line(self, level: str, message: str, fields: dict[str, Any]) -> None:
        """Take a line from any thread; the mux belongs to the loop's."""
        at = clock.wall_s()
        line = {"t": "log", "level": level, "message": message, "fields": fields, "at": at}
        if threading.get_ident() == self._thread:
            self._send(line)
        else:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._send, line)

    def _send(self, line: dict[str, Any]) -> None:
        self._lines.append(line)
        del self._lines[:-KEPT_LINES]
        if self._engine.is_attached and not self._engine.is_choked:
            lines, self._lines = self._lines, []
            for kept in lines:
                self._engine.machine.send_control(kept)
            self._engine.flush()
