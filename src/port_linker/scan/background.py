"""Looks things up in a thread, because the answer may take for ever. Python 3.9."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from port_linker import clock

logger = logging.getLogger(__name__)

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

_MAX_PENDING = 8192
_STUCK_S = 5.0  # after so long an answer is given up and another thread goes on
_MAX_STUCK = 3  # threads given up before no more is looked up


class Background(Generic[KeyT, ValueT]):
    """Calls a slow function for one key after the other; the thread lives while there are any.

    A call that hangs is left behind; the memory of what was asked is bounded.
    """

    def __init__(self, function: Callable[[KeyT], ValueT], name: str) -> None:
        self._function = function
        self._name = name
        self._changed = threading.Condition()
        self._queue: deque[KeyT] = deque()
        self._pending: set[KeyT] = set()
        self._done: dict[KeyT, ValueT] = {}
        self._worker: threading.Thread | None = None
        self._busy_since_s = 0.0
        self._stuck = 0

    @property
    def has_answers(self) -> bool:
        """Whether take() would return something now."""
        return bool(self._done)

    def request(self, keys: list[KeyT]) -> None:
        """Ask for keys; those asked for and not taken yet are skipped, and so are too many."""
        with self._changed:
            for key in keys:
                if key not in self._pending and len(self._pending) < _MAX_PENDING:
                    self._pending.add(key)
                    self._queue.append(key)
            self._give_up_stuck()
            if self._queue and self._worker is None and self._stuck < _MAX_STUCK:
                self._start_worker()

    def take(self, wait_s: float = 0.0) -> dict[KeyT, ValueT]:
        """Return the answers that came since the last call, after at most wait_s for all."""
        with self._changed:
            if wait_s > 0:
                self._changed.wait_for(lambda: self._worker is None, wait_s)
            done, self._done = self._done, {}
            self._pending.difference_update(done)
            return done

    def _start_worker(self) -> None:
        self._busy_since_s = clock.monotonic_s()
        self._worker = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._worker.start()

    def _give_up_stuck(self) -> None:
        if self._worker is None or clock.monotonic_s() - self._busy_since_s < _STUCK_S:
            return
        logger.warning("%s hangs; its answer is given up", self._name)
        self._stuck += 1
        self._worker = None

    def _work(self) -> None:
        me = threading.current_thread()
        while True:
            with self._changed:
                if self._worker is not me:
                    return
                if not self._queue:
                    self._worker = None
                    self._changed.notify_all()
                    return
                key = self._queue.popleft()
                self._busy_since_s = clock.monotonic_s()
            value = self._function(key)
            with self._changed:
                if self._worker is me:
                    self._done[key] = value
