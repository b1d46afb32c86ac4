"""How many services fit here, and who waits for room. Pure.

Who is in stays in; the others enter in the order in which they came.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from port_linker.model import ServiceId


class Room:
    """Counts services that take descriptors against the limits.

    max_services: --max-services. fd_services: what the descriptor limit allows. A third limit,
    pressure, is set when the system refuses a socket below both.
    """

    def __init__(self, max_services: int, fd_services: int) -> None:
        self._max_services = max_services
        self._fd_services = fd_services
        self._pressure: int | None = None
        self._inside: dict[ServiceId, None] = {}
        self._queue: OrderedDict[ServiceId, None] = OrderedDict()  # cheap at both ends

    def __contains__(self, id_: ServiceId) -> bool:
        return id_ in self._inside

    @property
    def limit(self) -> int:
        """How many services may be inside."""
        limit = min(self._max_services, self._fd_services)
        return limit if self._pressure is None else min(limit, self._pressure)

    @property
    def has_space(self) -> bool:
        """Whether one more fits."""
        return len(self._inside) < self.limit

    def explain(self) -> str:
        """Return why a service waits, with the limit and what sets it."""
        if self._pressure is not None or self._fd_services < self._max_services:
            return (
                f"this machine's descriptor limit leaves room for {self.limit:,} services; "
                "raise it with ulimit -n"
            )
        return f"the limit of {self.limit:,} services is reached; raise it with --max-services"

    def set_limits(self, max_services: int, fd_services: int) -> None:
        """Take new limits over, and forget the pressure."""
        self._max_services, self._fd_services = max_services, fd_services
        self._pressure = None

    def lower(self, refused: Iterable[ServiceId]) -> None:
        """Put those that got no socket first in the queue, and let nobody else in: it is full."""
        for id_ in refused:
            if id_ in self._inside:
                del self._inside[id_]
                self._put_first(id_)
        self._pressure = len(self._inside)

    def relax(self) -> None:
        """Forget the pressure."""
        self._pressure = None

    def enqueue(self, id_: ServiceId) -> None:
        """Let a service wait, unless it is inside."""
        if id_ not in self._inside:
            self._queue[id_] = None

    def enter(self, id_: ServiceId) -> None:
        """Count a service that has sockets already, whatever the limit says."""
        self._queue.pop(id_, None)
        self._inside[id_] = None

    def leave(self, id_: ServiceId) -> None:
        """Forget a service."""
        self._inside.pop(id_, None)
        self._queue.pop(id_, None)

    def settle(self) -> list[ServiceId]:
        """Move services in or out until the limit holds; return those that moved."""
        moved: list[ServiceId] = []
        while len(self._inside) > max(0, self.limit):
            id_, _ = self._inside.popitem()
            self._put_first(id_)
            moved.append(id_)
        while self._queue and self.has_space:
            id_, _ = self._queue.popitem(last=False)
            self._inside[id_] = None
            moved.append(id_)
        return moved

    def waiting(self) -> Iterable[ServiceId]:
        """The services that wait, first come first."""
        return self._queue

    def _put_first(self, id_: ServiceId) -> None:
        self._queue[id_] = None
        self._queue.move_to_end(id_, last=False)
