"""Which service of one port gets which local family. Pure.

Several services may share a port on the target (127.0.0.1:80, [::1]:80, 10.0.0.5:80). Each local
family takes a service of its own family, loopback before wildcard before an interface's address. A
family that no service claims goes to the best of the others, so that a program which tries ::1
first finds the same service as one which tries 127.0.0.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from port_linker.model import Service, ServiceId, plain_address

LOOPBACK, WILDCARD, INTERFACE = range(3)
Order = tuple[int, bool, int, str]


@dataclass(frozen=True)
class Candidate:
    """A service that wants a local port.

    is_mapped: named in --map, which goes before all others. is_present: not in its grace.
    others: its further sockets.
    """

    id: ServiceId
    is_mapped: bool = False
    is_present: bool = True
    others: tuple[ServiceId, ...] = ()

    @property
    def sockets(self) -> tuple[ServiceId, ...]:
        """All its sockets."""
        return (self.id, *self.others)


@lru_cache(maxsize=4096)  # the same few addresses come in every plan; parsing costs 2-4 µs
def place(host: str) -> tuple[int, int]:
    """Return the family (4 or 6) of an address and its rank (LOOPBACK, WILDCARD, INTERFACE)."""
    plain = plain_address(host)
    if plain.is_loopback:
        return plain.version, LOOPBACK
    return plain.version, WILDCARD if plain.is_unspecified else INTERFACE


def plan_families(candidates: Sequence[Candidate], families: Iterable[int]) -> dict[int, ServiceId]:
    """Return the winner of each local family; empty only if there are no candidates."""
    ranked = sorted(candidates, key=_order)
    if not ranked:
        return {}
    if ranked[0].is_mapped:
        ranked = [candidate for candidate in ranked if candidate.is_mapped]
    present = [candidate for candidate in ranked if candidate.is_present] or ranked
    return {family: _choose(present, family) for family in families}


def choose_socket(service: Service, family: int) -> ServiceId:
    """Return the socket of a service that a local family reaches: one of its own if there is."""
    own = [id_ for id_ in service.sockets if place(id_.host)[0] == family]
    return min(own, key=order_of, default=service.id)


def order_of(id_: ServiceId) -> Order:
    """Sort sockets of one port: loopback before wildcard before interface, usual ones first."""
    family, rank = place(id_.host)
    return rank, id_.host not in ("127.0.0.1", "::1"), family, id_.host


def _choose(ranked: Sequence[Candidate], family: int) -> ServiceId:
    own = [
        (order_of(id_), candidate.id)
        for candidate in ranked
        for id_ in candidate.sockets
        if place(id_.host)[0] == family
    ]
    return min(own)[1] if own else ranked[0].id


def _order(candidate: Candidate) -> tuple[bool, bool, Order]:
    best = min(order_of(id_) for id_ in candidate.sockets)
    return not candidate.is_mapped, not candidate.is_present, best
