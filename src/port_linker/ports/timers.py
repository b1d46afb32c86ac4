"""Keep when services are tried again, and when those that are gone are given up. Pure."""

from __future__ import annotations

import heapq
from collections import OrderedDict

from port_linker.model import ServiceId

RETRY_S = 0.5  # "a freed port is taken within a second", a late wake-up included
MAX_RETRIES = 500  # services tried again at a time: 10 ms at 10 µs a bind, two binds each
OWN_RETRY_S = 0.05  # a socket that we close ourselves is gone in a moment, in a sidecar too


class Retries:
    """Try services again in turn, a bounded number at a time.

    A service whose port we ourselves still close is tried again soon, once.
    """

    def __init__(self) -> None:
        self._ring: OrderedDict[ServiceId, None] = OrderedDict()
        self._due: float | None = None
        self._soon: dict[ServiceId, float] = {}

    def put(self, id_: ServiceId, now: float) -> None:
        """Try a service again every RETRY_S until it is dropped."""
        self._ring[id_] = None
        self._due = now + RETRY_S if self._due is None else self._due

    def put_soon(self, id_: ServiceId, now: float) -> None:
        """Try a service again in a moment, once."""
        self._soon[id_] = now + OWN_RETRY_S

    def is_soon(self, id_: ServiceId) -> bool:
        """Return whether a service is tried again in a moment."""
        return id_ in self._soon

    def drop(self, id_: ServiceId) -> None:
        """Stop trying a service."""
        self._ring.pop(id_, None)
        self._due = self._due if self._ring else None
        self._soon.pop(id_, None)

    def pick(self, now: float) -> list[ServiceId]:
        """Return the services that are due."""
        picked = [id_ for id_, at in self._soon.items() if at <= now][:MAX_RETRIES]
        for id_ in picked:
            del self._soon[id_]
        if self._due is not None and now >= self._due:
            in_turn = list(self._ring)[:MAX_RETRIES]
            for id_ in in_turn:
                self._ring.move_to_end(id_)
            picked += in_turn
            self._due = now + RETRY_S if self._ring else None
        return picked

    def next_due(self) -> float | None:
        """Return when pick has something to return."""
        times = (
            list(self._soon.values()) if self._due is None else [*self._soon.values(), self._due]
        )
        return min(times, default=None)


class Graces:
    """Keep the end of each grace; a service that comes back is forgotten."""

    def __init__(self) -> None:
        self._ends: dict[ServiceId, float] = {}
        self._heap: list[tuple[float, ServiceId]] = []

    def put(self, id_: ServiceId, end: float) -> None:
        """Set the end of a service's grace, or change it."""
        if self._ends.get(id_) != end:
            self._ends[id_] = end
            heapq.heappush(self._heap, (end, id_))

    def drop(self, id_: ServiceId) -> None:
        """Forget a service: it is back, or given up."""
        self._ends.pop(id_, None)

    def ended(self, now: float) -> list[ServiceId]:
        """Return the services whose grace is over, and forget them."""
        ended = []
        while (end := self.next_end()) is not None and end <= now:
            id_ = heapq.heappop(self._heap)[1]
            del self._ends[id_]
            ended.append(id_)
        return ended

    def waiting(self) -> list[ServiceId]:
        """Return the services whose grace is not over."""
        return list(self._ends)

    def next_end(self) -> float | None:
        """Return when the next grace is over."""
        while self._heap and self._ends.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
