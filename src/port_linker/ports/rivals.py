"""Decide which services of one local port get it, family by family. Pure.

Several services may share a port on the target (127.0.0.1:80, [::1]:80, 10.0.0.5:80). Each local
family takes a service of its own family, loopback before wildcard before an interface's address. A
family that no service claims goes to the best of the others, so that a program which tries ::1
first finds the same service as one which tries 127.0.0.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from port_linker.model import Proto, Service, ServiceId
from port_linker.ports.rules import PortMap
from port_linker.ports.services import Order, order_of, rank_address
from port_linker.ports.types import LOOPBACK, Local, Outcome, Placement

Group = tuple[Proto, int]  # protocol and the local port that is wanted
Winners = Mapping[int, ServiceId]  # by local family


@dataclass
class Member:
    """One service of a group: the local port that it wants, and what it got."""

    service: Service
    port: int
    map: PortMap | None = None
    is_present: bool = True  # not in its grace
    is_moved: bool = False  # to another port, after a conflict that nobody was asked about
    placement: Placement | None = None

    @property
    def group(self) -> Group:
        """Return the group that it competes in."""
        return self.service.id.proto, self.port


def plan_families(members: Sequence[Member], families: Iterable[int]) -> dict[int, ServiceId]:
    """Return the winner of each local family; empty only if there are no members."""
    ranked = sorted(members, key=_order)
    if not ranked:
        return {}
    if ranked[0].map is not None:
        ranked = [member for member in ranked if member.map is not None]
    present = [member for member in ranked if member.is_present] or ranked
    return {family: _choose(present, family) for family in families}


def _choose(ranked: Sequence[Member], family: int) -> ServiceId:
    own = [
        (order_of(id_), member.service.id)
        for member in ranked
        for id_ in member.service.sockets
        if rank_address(id_.host)[0] == family
    ]
    return min(own)[1] if own else ranked[0].service.id


def _order(member: Member) -> tuple[bool, bool, Order]:
    best = min(order_of(id_) for id_ in member.service.sockets)
    return member.map is None, not member.is_present, best


def place_winner(port: int, families: Iterable[int], port_map: PortMap | None) -> Placement:
    """Return the placement of a service that gets the port it wants, in these families."""
    locals_ = tuple(Local(family, LOOPBACK[family], port) for family in families)
    reason = None if port_map is None else f"moved by --map {port_map.word}"
    return Placement(Outcome.BIND, locals_, reason)


def place_loser(id_: ServiceId, port: int, winners: Mapping[int, ServiceId]) -> Placement:
    """Return the placement of a service whose port another one of the target has."""
    winner = winners.get(id_.family) or next(iter(winners.values()), None)
    reason = "this machine has no loopback address"
    if winner is not None:
        reason = (
            f"{winner.endpoint} of the target has port {port} here; "
            "--on-conflict remap gives this one a port of its own"
        )
    return Placement(Outcome.LOST, reason=reason)


def place_guest(port: int, locals_: tuple[Local, ...], is_denied: bool) -> Placement:
    """Return the placement of a service that cannot have its port; locals_: what stands in."""
    if not locals_:
        reason = f"port {port} cannot be had here, nor any that could stand in for it"
        return Placement(Outcome.LOST, reason=reason)
    why = "needs privilege" if is_denied else "is taken"
    reason = f"port {port} {why} here, {locals_[0].port} stands in"
    return Placement(Outcome.BIND, locals_, reason, is_remapped=True)
