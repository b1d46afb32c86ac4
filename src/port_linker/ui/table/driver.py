"""Textual's terminal driver, made steady: a terminal that stalls or is gone stalls nobody.

Textual 8 hands 30 writes to a thread and then blocks the event loop (drivers/_writer_thread.py),
which here also carries every flow. So what does not fit is left out, and all is drawn again as soon
as there is room.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections.abc import Iterable
from queue import Full

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from port_linker.ui.terminal import RESET, is_in_front

STDERR = 2  # where the table is drawn
CLOSE_WAIT_S = 1.0  # for the last sequences to reach the terminal; ui.terminal sends them again

ESC = "\x1b"
_GO_ON = "[O]P^_X\\"  # CSI, SS3, OSC, DCS, PM, APC, SOS and ST of ECMA-48
FALLBACK_SIZE = (80, 24)  # of a terminal that does not know its own, such as a serial line


class EscapeParser(XTermParser):
    """Reads Esc and the key behind it as two keys, however fast they come.

    Terminals send Alt+q and Esc, q as the same bytes. The table has no key with Alt; what begins a
    sequence, and what Textual knows as one key (Alt+Backspace), is left to it.
    """

    _is_escape_last = False

    def feed(self, data: str) -> Iterable[Message]:
        """Return the events of some input; none of an Esc that a sequence may follow."""
        if data and self._is_escape_last and _stands_apart(data[0]):
            yield from self._end_escape()
        start = 0
        for place in _ends_of_escapes(data):
            yield from super().feed(data[start:place])
            yield from self._end_escape()
            start = place
        yield from super().feed(data[start:])  # "" is the end
        self._is_escape_last = data.endswith(ESC)

    def _end_escape(self) -> Iterable[Message]:
        """Let the time that it waits for more be over now."""
        if self._timeout_time is not None:
            self._timeout_time = 0.0
        return self.tick()


def _ends_of_escapes(data: str) -> list[int]:
    """Return the places behind each Esc that is a key of its own."""
    pairs = enumerate(itertools.pairwise(data), 1)
    return [place for place, (one, two) in pairs if one == ESC and _stands_apart(two)]


def _stands_apart(char: str) -> bool:
    """Whether no sequence of a terminal goes on with this character behind Esc."""
    return char not in _GO_ON and ESC + char not in ANSI_SEQUENCES_KEYS


# Its thread makes one by this name.
linux_driver.XTermParser = EscapeParser  # type: ignore[attr-defined]


class SteadyDriver(LinuxDriver):
    """Never blocks in write() or close(), and lets go of a terminal that another job has.

    After Ctrl-Z the terminal was given back before the stop; after SIGSTOP the shell just took it.
    """

    class WentAway(events.Event):
        """We go on in the background: the terminal is the shell's."""

    _left_out = False
    _is_given_back = False
    _is_away = False

    def _sigtstp_application(self, *_: object) -> None:
        self._is_given_back = self._auto_restart
        super()._sigtstp_application()

    def _sigcont_application(self, *_: object) -> None:
        if not self._auto_restart:
            return  # the app gave the terminal to somebody, such as ssh, and takes it back itself
        if not is_in_front(self.fileno):
            self._go_away()
            return
        if not self._is_given_back:
            self.suspend_application_mode()
            self._must_signal_resume = True
        self._is_given_back = False
        self.resume_application_mode()

    def _go_away(self) -> None:
        """Touch the terminal no more: its mode is the shell's, and to set it would stop us."""
        if self._is_away:
            return
        self._is_away = True
        if not self._is_given_back:
            signal.signal(signal.SIGTTIN, signal.SIG_IGN)  # its last read fails then, and ends it
            self.exit_event.set()
            with contextlib.suppress(OSError):
                os.write(STDERR, RESET)
        self._app.post_message(self.WentAway())

    def start_application_mode(self) -> None:
        """Take the terminal; close() may have been called before, for a suspension."""
        self.exit_event.clear()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def disable_input(self) -> None:
        """Stop to read, unless the terminal is another job's."""
        if not self._is_away:
            super().disable_input()

    def stop_application_mode(self) -> None:
        """Bring the terminal back as it was, unless it is another job's."""
        if not self._is_away:
            super().stop_application_mode()

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
        if self._is_away or thread is None or not thread.is_alive():
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
        """Let the thread write what it has, for a moment; the one that reads ends in any case.

        Textual does not end it where an earlier step fails, as on a terminal that was closed. It
        then reads an end of file for ever, and the interpreter waits for it.
        """
        self.exit_event.set()
        thread = self._writer_thread
        if thread is None:
            return
        with contextlib.suppress(Full):
            thread._queue.put_nowait(None)  # noqa: SLF001 - as its stop(), without waiting
        thread.join(CLOSE_WAIT_S)
