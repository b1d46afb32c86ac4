"""Limit how many services are bound, and queue the others. Pure.

A service that is inside stays inside; the others enter in the order in which they came.
`Capacity` counts, `Admission` turns the placement of a service that must wait into WAITING.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from port_linker.model import ServiceId
from port_linker.ports.types import Outcome, Placement


class Capacity:
    """Count the services that take descriptors against the limits.

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
        """Return how many services may be inside."""
        limit = min(self._max_services, self._fd_services)
        return limit if self._pressure is None else min(limit, self._pressure)

    @property
    def has_space(self) -> bool:
        """Return whether one more service fits."""
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
        """Replace the limits, and forget the pressure."""
        self._max_services, self._fd_services = max_services, fd_services
        self._pressure = None

    def lower(self, refused: Iterable[ServiceId]) -> None:
        """Put the services that got no socket first in the queue, and admit no others."""
        for id_ in refused:
            if id_ in self._inside:
                del self._inside[id_]
                self._put_first(id_)
        self._pressure = len(self._inside)

    def relax(self) -> None:
        """Forget the pressure."""
        self._pressure = None

    def enqueue(self, id_: ServiceId) -> None:
        """Queue a service, unless it is inside."""
        if id_ not in self._inside:
            self._queue[id_] = None

    def enter(self, id_: ServiceId) -> None:
        """Count a service that has sockets already, even beyond the limit."""
        self._queue.pop(id_, None)
        self._inside[id_] = None

    def leave(self, id_: ServiceId) -> None:
        """Forget a service."""
        self._inside.pop(id_, None)
        self._queue.pop(id_, None)

    def rebalance(self) -> list[ServiceId]:
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
        """Return the services that wait, first come first."""
        return self._queue

    def _put_first(self, id_: ServiceId) -> None:
        self._queue[id_] = None
        self._queue.move_to_end(id_, last=False)


class Admission:
    """Hold placements back until there is capacity for them.

    A parked service has a placement, but takes no capacity: its port is held by another program.
    """

    def __init__(self, max_services: int, fd_services: int) -> None:
        self._capacity = Capacity(max_services, fd_services)
        self._waiting_reason = self._capacity.explain()
        self._wanted: dict[ServiceId, Placement] = {}
        self._admitted: dict[ServiceId, Placement] = {}
        self._parked: set[ServiceId] = set()
        self._changed: dict[ServiceId, None] = {}

    def __contains__(self, id_: ServiceId) -> bool:
        return id_ in self._capacity

    @property
    def has_space(self) -> bool:
        """Return whether one more service fits."""
        return self._capacity.has_space

    def drop(self, id_: ServiceId) -> None:
        """Forget a service."""
        self._capacity.leave(id_)
        self._parked.discard(id_)
        self._wanted.pop(id_, None)
        self._admitted.pop(id_, None)
        self._changed.pop(id_, None)

    def park(self, id_: ServiceId) -> None:
        """Take the capacity of a service whose port is held here."""
        self._parked.add(id_)
        self._capacity.leave(id_)

    def unpark(self, id_: ServiceId) -> None:
        """Count a service that was parked and is bound now."""
        if id_ in self._parked:
            self._parked.discard(id_)
            self._capacity.enter(id_)

    def set_limits(self, max_services: int, fd_services: int) -> None:
        """Replace the limits."""
        self._capacity.set_limits(max_services, fd_services)

    def lower_limit(self, refused: Iterable[ServiceId]) -> None:
        """Queue these services and admit no others: the system gives no more sockets."""
        refused = list(refused)
        self._capacity.lower(refused)
        self._changed.update(dict.fromkeys(refused))

    def relax(self) -> None:
        """Admit services up to the limits again."""
        self._capacity.relax()

    def admit(self, placements: Mapping[ServiceId, Placement]) -> dict[ServiceId, Placement]:
        """Take the placements that changed; return, as admitted, all that changed by that."""
        for id_, placement in placements.items():
            self._take(id_, placement)
        self._changed.update(dict.fromkeys(self._capacity.rebalance()))
        if self._waiting_reason != self._capacity.explain():
            self._waiting_reason = self._capacity.explain()
            self._changed.update(dict.fromkeys(self._capacity.waiting()))
        changed, self._changed = self._changed, {}
        admitted = {id_: self._judge(id_) for id_ in changed}
        news = {id_: new for id_, new in admitted.items() if new != self._admitted.get(id_)}
        self._admitted.update(news)
        return news

    def _take(self, id_: ServiceId, placement: Placement) -> None:
        self._wanted[id_] = placement
        self._parked.discard(id_)
        self._changed[id_] = None
        if placement.outcome is Outcome.BIND:
            self._capacity.enqueue(id_)
        else:
            self._capacity.leave(id_)

    def _judge(self, id_: ServiceId) -> Placement:
        wanted = self._wanted[id_]
        is_in = id_ in self._parked or id_ in self._capacity
        if wanted.outcome is not Outcome.BIND or is_in:
            return wanted
        return Placement(Outcome.WAITING, reason=self._waiting_reason)
