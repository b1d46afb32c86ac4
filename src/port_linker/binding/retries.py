"""When which service is tried again, a bounded number at a time. Pure."""

from __future__ import annotations

from collections import OrderedDict

from port_linker.model import ServiceId

RETRY_S = 0.5  # "a freed port is taken within a second", a late wake-up included
MAX_RETRIES = 500  # services tried again at a time: 10 ms at 10 µs a bind, two binds each
OWN_RETRY_S = 0.05  # a socket that we close ourselves is gone in a moment, in a sidecar too


class Retries:
    """The services to be tried again in turn, and those whose port we ourselves still close."""

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
        """Whether a service is tried again in a moment."""
        return id_ in self._soon

    def drop(self, id_: ServiceId) -> None:
        """Try a service no more."""
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
        """When pick has something to return."""
        times = (
            list(self._soon.values()) if self._due is None else [*self._soon.values(), self._due]
        )
        return min(times, default=None)
