"""Runs the one coroutine of the program and ends it on a signal. Imports asyncio: lazily only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from port_linker.tasks import start_task
from port_linker.ui.terminal import release_terminal

STDERR = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_S = 1.0  # of a person who pressed Ctrl-C, before a word about the clean-up is due
CLEAN_UP_LIMIT_S = 20.0  # longer than each wait within; a clean-up that hangs ends here
_logger = logging.getLogger("port_linker.cli")


def run_main(start: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run the coroutine to its end; return its result, or 128 + the signal that ended it.

    The first signal cancels it, so that it cleans up; the second one skips that and says so.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # or Python prints tracebacks itself
    return asyncio.run(_supervise(start))


async def _supervise(start: Callable[[], Coroutine[Any, Any, int]]) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_stray)
    task = start_task(start(), "main")
    watch = _SignalWatch(loop, task)
    for number in SIGNALS:
        loop.add_signal_handler(number, watch.on_signal, number)
    try:
        result = await task
    except asyncio.CancelledError:
        if watch.first is None:
            raise
        result = 0
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return result if watch.first is None else 128 + watch.first


class _SignalWatch:
    """What the first and the second signal do."""

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[int]) -> None:
        self._loop = loop
        self._task = task
        self.first: int | None = None

    def on_signal(self, number: int) -> None:
        if self.first is not None:
            _leave_at_once(128 + number)
        self.first = number
        self._task.cancel()
        self._loop.call_later(PATIENCE_S, _say, "ending; Ctrl-C again skips the clean-up")
        self._loop.call_later(CLEAN_UP_LIMIT_S, _leave_at_once, 128 + number)


def _leave_at_once(code: int) -> None:
    release_terminal()
    _say("stopped without clean-up; the agent on the target ends when its lease does")
    os._exit(code)


def _say(text: str) -> None:
    """Write past everything that may hold sys.stderr; a terminal that is gone hears nothing."""
    with contextlib.suppress(OSError):
        os.write(STDERR, f"port-linker: {text}\n".encode())


def _log_stray(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio would print: errors of tasks and callbacks that nobody awaited."""
    del loop
    _logger.error("%s", context.get("message"), exc_info=context.get("exception"))
