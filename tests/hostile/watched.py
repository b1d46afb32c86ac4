"""port-linker whose event loop is watched: what takes the loop's thread too long is written down.

python -m tests.hostile.watched FILE WORDS…: each line of FILE is one callback that took more than
BLOCKED_S of the thread's CPU time, so that a machine that does other things does not count.
Python's search for cycles is left out: with 20,000 services it looks at 400,000 objects each time.
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


def watch(path: str) -> None:
    """Measure every callback of every loop from now on."""
    file = open(path, "a", buffering=1)  # noqa: SIM115 - open to the end of the process
    run: Any = asyncio.events.Handle._run

    searched_s = [0.0]  # for cycles, so far
    gc.callbacks.append(lambda phase, _: _count_search(searched_s, phase))

    def timed(handle: Any) -> None:
        began_s = time.thread_time() - searched_s[0]
        run(handle)
        took_s = time.thread_time() - searched_s[0] - began_s
        if took_s > BLOCKED_S:
            file.write(f"{time.monotonic():.2f} {took_s * 1000:.0f} ms {handle!r:.300}\n")

    asyncio.events.Handle._run = timed  # type: ignore[assignment, method-assign]


def _count_search(searched_s: list[float], phase: str) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # it costs the loop nothing of its own
    now_s = time.thread_time()
    searched_s[0] += -now_s if phase == "start" else now_s


if __name__ == "__main__":
    watch(sys.argv.pop(1))
    sys.argv[0] = "port-linker"
    sys.exit(main())
