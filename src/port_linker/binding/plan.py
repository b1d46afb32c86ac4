"""Which service is bound where, kept up to date change by change. Pure.

groups.py says where each would be bound, room.py how many may be; this file joins the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from port_linker.binding.facts import BindOptions, LocalFacts, Outcome, Verdict
from port_linker.binding.groups import Groups
from port_linker.binding.merge import MAX_SOCKETS
from port_linker.binding.room import Room
from port_linker.model import ServiceId


class Planner:
    """Takes services and facts, returns the verdicts that changed.

    remembered: ports that stood in last time, by service key.
    """

    def __init__(
        self, options: BindOptions, local: LocalFacts, remembered: Mapping[str, int]
    ) -> None:
        self.groups = Groups(options, local, remembered)
        self.outage_hold_s = options.outage_hold_s
        self.room = Room(local.max_services, local.fd_services)
        self._room_reason = self.room.explain()
        self._shapes: dict[ServiceId, Verdict] = {}
        self._verdicts: dict[ServiceId, Verdict] = {}
        self._parked: set[ServiceId] = set()
        self._changed: dict[ServiceId, None] = {}

    def drop(self, id_: ServiceId) -> None:
        """Forget a service."""
        self.groups.drop(id_)
        self.room.leave(id_)
        self._parked.discard(id_)
        self._shapes.pop(id_, None)
        self._verdicts.pop(id_, None)
        self._changed.pop(id_, None)

    def park(self, id_: ServiceId) -> None:
        """Let a service whose port is held here take no room."""
        self._parked.add(id_)
        self.room.leave(id_)

    def seat(self, id_: ServiceId) -> None:
        """Count a service that was parked and is bound now."""
        if id_ in self._parked:
            self._parked.discard(id_)
            self.room.enter(id_)

    def lower_limit(self, refused: Iterable[ServiceId]) -> None:
        """Let these wait, and take who is left for the limit: the system gives no more sockets."""
        refused = list(refused)
        self.room.lower(refused)
        self._changed.update(dict.fromkeys(refused))

    @property
    def has_rest(self) -> bool:
        """Whether there was more to plan than one call does."""
        return self.groups.has_rest

    def replan(self, most: int = MAX_SOCKETS) -> dict[ServiceId, Verdict]:
        """Return the verdicts that changed since the last call, after planning about `most`."""
        for id_, shape in self.groups.reshape(most).items():
            self._take_shape(id_, shape)
        self._changed.update(dict.fromkeys(self.room.settle()))
        if self._room_reason != self.room.explain():
            self._room_reason = self.room.explain()
            self._changed.update(dict.fromkeys(self.room.waiting()))
        changed, self._changed = self._changed, {}
        verdicts = {id_: self._judge(id_) for id_ in changed}
        news = {id_: new for id_, new in verdicts.items() if new != self._verdicts.get(id_)}
        self._verdicts.update(news)
        return news

    def _take_shape(self, id_: ServiceId, shape: Verdict) -> None:
        self._shapes[id_] = shape
        self._parked.discard(id_)
        self._changed[id_] = None
        if shape.outcome is Outcome.BIND:
            self.room.enqueue(id_)
        else:
            self.room.leave(id_)

    def _judge(self, id_: ServiceId) -> Verdict:
        shape = self._shapes[id_]
        if shape.outcome is not Outcome.BIND or id_ in self._parked or id_ in self.room:
            return shape
        return Verdict(Outcome.WAITING, reason=self._room_reason)
