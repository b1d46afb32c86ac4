"""Merge the sockets of one process on one port of the target into one service. Pure.

0.0.0.0 and :: of one web server are two sockets and one service. The socket that comes first in
`order_of` names it, for as long as it is there. Where we may not see the process, sockets of one
user, one kind of address and both families count as one; a container's always do.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

from port_linker.model import Proto, Service, ServiceId, plain_address
from port_linker.ports.events import ServicesChanged

LOOPBACK, WILDCARD, INTERFACE = range(3)
Order = tuple[int, bool, int, str]

MAX_SOCKETS = 20_000  # that are known; a target may not fill our memory
MAX_OF_PORT = 32  # sockets of one port; each change of one looks at all of them

Port = tuple[Proto, int]


@lru_cache(maxsize=4096)  # the same few addresses come in every plan; parsing costs 2-4 µs
def rank_address(host: str) -> tuple[int, int]:
    """Return the family (4 or 6) of an address and its rank (LOOPBACK, WILDCARD, INTERFACE)."""
    plain = plain_address(host)
    if plain.is_loopback:
        return plain.version, LOOPBACK
    return plain.version, WILDCARD if plain.is_unspecified else INTERFACE


def choose_socket(service: Service, family: int) -> ServiceId:
    """Return the socket that a local family dials: one of the same family if there is one."""
    own = [id_ for id_ in service.sockets if rank_address(id_.host)[0] == family]
    return min(own, key=order_of, default=service.id)


def order_of(id_: ServiceId) -> Order:
    """Sort sockets of one port: loopback before wildcard before interface, usual ones first."""
    family, rank = rank_address(id_.host)
    return rank, id_.host not in ("127.0.0.1", "::1"), family, id_.host


class Sockets:
    """Turn the agent's reports of sockets into changes of services.

    gives_way: whether a socket is forgotten when there is no room for another one that does not.
    """

    def __init__(self, gives_way: Callable[[Service], bool] = lambda _: False) -> None:
        self._gives_way = gives_way
        self._spare: dict[ServiceId, None] = {}  # those that gave way when they were added
        self._sockets: dict[Port, dict[ServiceId, Service]] = {}
        self._services: dict[Port, dict[ServiceId, Service]] = {}
        self._unnamed: dict[ServiceId, None] = {}  # of the last whole list
        self._count = 0

    def take(self, event: ServicesChanged) -> ServicesChanged:
        """Return the services that appeared, changed or vanished; never a whole list.

        What a whole list does not name is dropped by `drop_unnamed`.
        """
        touched: dict[Port, None] = {}
        if event.is_complete:
            self._unnamed = {id_: None for row in self._sockets.values() for id_ in row}
        for id_ in event.vanished:
            self._drop(id_, touched)
        for socket in (*event.appeared, *event.changed):
            self._put(socket, touched)
        return self._compare(touched)

    def drop_unnamed(self, most: int) -> ServicesChanged:
        """Drop some of what the last whole list has not named, nor anything since."""
        touched: dict[Port, None] = {}
        for id_ in list(itertools.islice(self._unnamed, most)):
            self._drop(id_, touched)
        return self._compare(touched)

    @property
    def has_unnamed(self) -> bool:
        """Return whether there is something to drop."""
        return bool(self._unnamed)

    def _put(self, socket: Service, touched: dict[Port, None]) -> None:
        self._unnamed.pop(socket.id, None)
        port = _port_of(socket.id)
        sockets = self._sockets.get(port, {})
        if socket.id not in sockets:
            if len(sockets) >= MAX_OF_PORT:
                return
            if self._count >= MAX_SOCKETS and not self._make_room(socket, touched):
                return
            self._count += 1
        self._sockets[port] = sockets
        sockets[socket.id] = socket
        touched[port] = None
        if self._gives_way(socket):
            self._spare[socket.id] = None
        else:
            self._spare.pop(socket.id, None)

    def _make_room(self, socket: Service, touched: dict[Port, None]) -> bool:
        """Forget a socket that gives way, unless this one does; return whether there is room."""
        while self._spare and not self._gives_way(socket):
            id_, _ = self._spare.popitem()
            if self._gives_way(self._sockets[_port_of(id_)][id_]):
                self._drop(id_, touched)
                return True
        return False

    def _drop(self, id_: ServiceId, touched: dict[Port, None]) -> None:
        self._unnamed.pop(id_, None)
        port = _port_of(id_)
        if self._sockets.get(port, {}).pop(id_, None) is not None:
            self._spare.pop(id_, None)
            self._count -= 1
            touched[port] = None

    def _compare(self, touched: Iterable[Port]) -> ServicesChanged:
        appeared: list[Service] = []
        changed: list[Service] = []
        vanished: list[ServiceId] = []
        for port in touched:
            before = self._services.pop(port, {})
            after = {one.id: one for one in merge_sockets(self._sockets[port].values(), before)}
            if after:
                self._services[port] = after
            else:
                del self._sockets[port]
            vanished += before.keys() - after.keys()
            for id_, service in after.items():
                if id_ not in before:
                    appeared.append(service)
                elif service != before[id_]:
                    changed.append(service)
        return ServicesChanged(tuple(appeared), tuple(changed), tuple(sorted(vanished)))


def merge_sockets(sockets: Iterable[Service], before: Iterable[ServiceId]) -> list[Service]:
    """Return the services that the sockets of one port make up. before: ids that named one."""
    groups: list[list[Service]] = []
    known: dict[Mark, int] = {}  # the first group that has a socket with this mark
    for socket in sorted(sockets, key=lambda socket: order_of(socket.id)):
        looks_for, shows = _marks(socket)
        number = min((known.get(mark, len(groups)) for mark in looks_for), default=len(groups))
        if number == len(groups):
            groups.append([])
        groups[number].append(socket)
        for mark in shows:
            known[mark] = min(known.get(mark, number), number)
    named = set(before)
    return [_make_service(group, named) for group in groups]


Mark = tuple[object, ...]


def _marks(socket: Service) -> tuple[list[Mark], list[Mark]]:
    """Return the marks by which a socket finds those that are one service with it, and its own."""
    uid, pid = socket.uid, socket.pid
    if socket.container is not None:
        mark: Mark = ("container", uid, socket.container)
        return [mark], [mark]
    family, rank = rank_address(socket.id.host)
    process: list[Mark] = [] if pid is None else [("process", uid, pid)]
    # Of two whose processes are not both seen: one kind of address, the other family.
    seen = "any" if pid is None else "unseen"
    shows: list[Mark] = [*process, ("any", uid, rank, family)]
    if pid is None:
        shows.append(("unseen", uid, rank, family))
    others: list[Mark] = [(seen, uid, rank, other) for other in (4, 6) if other != family]
    return [*process, *others], shows


def _make_service(group: list[Service], before: set[ServiceId]) -> Service:
    first = next((socket for socket in group if socket.id in before), group[0])
    return replace(first, others=tuple(one.id for one in group if one is not first))


def _port_of(id_: ServiceId) -> Port:
    return id_.proto, id_.port
