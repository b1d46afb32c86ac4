"""When services that are gone from the target are given up here. Pure."""

from __future__ import annotations

import heapq

from port_linker.model import ServiceId


class Graces:
    """The end of each grace; services that come back leave no trace."""

    def __init__(self) -> None:
        self._ends: dict[ServiceId, float] = {}
        self._heap: list[tuple[float, ServiceId]] = []

    def put(self, id_: ServiceId, end: float) -> None:
        """Let a service's grace end then; putting it again changes the end."""
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
        """When the next grace is over."""
        while self._heap and self._ends.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
