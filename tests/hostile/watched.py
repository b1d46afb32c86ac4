"""port-linker whose event loop is watched: what takes the loop's thread too long is written down.

python -m tests.hostile.watched FILE WORDS…: each line of FILE is one callback that took more than
BLOCKED_S of the thread's CPU time, so that a machine that does other things does not count.
Python's search for cycles is left out: with 20,000 services it looks at 400,000 objects each time.

The CPU time of the same work grows with neighbours: they share the caches, and the kernel charges
their interrupts to whoever runs (seen: 20 to 56 ms). So what took too long is put beside a piece of
work that is always the same, done at once, and at the start on a machine as quiet as it gets.
"""

from __future__ import annotations

import asyncio.events
import gc
import sys
import threading
import time
from typing import Any

from port_linker.cli.main import main

BLOCKED_S = 0.1
QUIET_RUNS = 30  # of the same work, about 1 ms each; the fastest one counts
SAME_WORK = [number * 7919 % 10_007 for number in range(10_000)]  # to be sorted: no search in it


def watch(path: str) -> None:
    """Measure every callback of every loop from now on."""
    file = open(path, "a", buffering=1)  # noqa: SIM115 - open to the end of the process
    run: Any = asyncio.events.Handle._run
    quiet_s = min(time_same_work() for _ in range(QUIET_RUNS))

    searched_s = [0.0]  # for cycles, so far
    gc.callbacks.append(lambda phase, _: _count_search(searched_s, phase))

    def timed(handle: Any) -> None:
        began_s = time.thread_time() - searched_s[0]
        run(handle)
        took_s = time.thread_time() - searched_s[0] - began_s
        if took_s > BLOCKED_S:
            slower = max(1.0, time_same_work() / quiet_s)
            if took_s > BLOCKED_S * slower:
                spent = f"{took_s * 1000:.0f} ms, machine {slower:.1f} times slower"
                file.write(f"{time.monotonic():.2f} {spent}: {handle!r:.300}\n")

    asyncio.events.Handle._run = timed  # type: ignore[assignment, method-assign]


def time_same_work() -> float:
    """Return what a fixed piece of work costs this thread now."""
    began_s = time.thread_time()
    sorted(SAME_WORK)
    return time.thread_time() - began_s


def _count_search(searched_s: list[float], phase: str) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # it costs the loop nothing of its own
    now_s = time.thread_time()
    searched_s[0] += -now_s if phase == "start" else now_s


if __name__ == "__main__":
    watch(sys.argv.pop(1))
    sys.argv[0] = "port-linker"
    sys.exit(main())
