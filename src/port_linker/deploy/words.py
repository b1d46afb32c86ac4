"""What ssh says while it logs in, line by line; the last words of one that fails are told once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from port_linker.errors import PortLinkerError

MAX_HELD = 8  # more is no parting sentence
HOLD_S = 0.3  # ssh ends within milliseconds of the reason that it prints; a person can wait so long


class LastWords:
    """Holds the newest lines back for a moment, so that an error which quotes one can take it."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._is_over = False
        self._held: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def put(self, line: str) -> None:
        """Show the line soon."""
        if self._is_over:
            self._show(line)
            return
        if len(self._held) == MAX_HELD:
            self.flush()
        self._held.append(line)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(HOLD_S, self.flush)

    def flush(self) -> None:
        """Show what is held."""
        lines, self._held = self._held, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for line in lines:
            self._show(line)

    def release(self) -> None:
        """Show what is held, and from now on everything at once: the login is over."""
        self._is_over = True
        self.flush()

    def settle(self, error: PortLinkerError) -> PortLinkerError:
        """Show what is held, unless the error says it; return the error."""
        self._held = [line for line in self._held if line.strip() not in error.message]
        self.flush()
        return error
