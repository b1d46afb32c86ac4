"""Textual's terminal driver, made steady: a terminal that stalls or is gone stalls nobody.

Textual 8 hands 30 writes to a thread and then blocks the event loop (drivers/_writer_thread.py),
which here also carries every flow. So what does not fit is left out, and all is drawn again as soon
as there is room.
"""

from __future__ import annotations

import contextlib
import os
from queue import Full

from textual.drivers.linux_driver import LinuxDriver

CLOSE_WAIT_S = 1.0  # for the last sequences to reach the terminal; ui.terminal sends them again

FALLBACK_SIZE = (80, 24)  # of a terminal that does not know its own, such as a serial line


class SteadyDriver(LinuxDriver):
    """Never blocks in write() or close()."""

    _left_out = False

    def _get_terminal_size(self) -> tuple[int, int]:
        """Ask the terminal, not COLUMNS and LINES: where they are exported no resize would show."""
        try:
            width, height = os.get_terminal_size(self.fileno)
        except OSError:
            return super()._get_terminal_size()
        return width or FALLBACK_SIZE[0], height or FALLBACK_SIZE[1]

    def write(self, data: str) -> None:
        """Hand data to the writing thread if it has room."""
        thread = self._writer_thread
        if thread is None or not thread.is_alive():
            return
        try:
            thread._queue.put_nowait(data)  # noqa: SLF001 - its put() is the one that blocks
        except Full:
            self._left_out = True
            return
        if self._left_out:
            self._left_out = False
            self._app.post_message(self.SignalResume())  # the app then draws everything anew

    def close(self) -> None:
        """Let the thread write what it has, for a moment."""
        thread = self._writer_thread
        if thread is None:
            return
        with contextlib.suppress(Full):
            thread._queue.put_nowait(None)  # noqa: SLF001 - as its stop(), without waiting
        thread.join(CLOSE_WAIT_S)
