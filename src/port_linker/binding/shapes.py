"""The verdict for a service whose place among its rivals is known, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from port_linker.binding.facts import LOOPBACK, Local, Outcome, Verdict
from port_linker.binding.rules import PortMap
from port_linker.model import ServiceId


def shape_winner(port: int, families: Iterable[int], port_map: PortMap | None) -> Verdict:
    """Return the verdict for a service that gets the port it wants, in these families."""
    locals_ = tuple(Local(family, LOOPBACK[family], port) for family in families)
    reason = None if port_map is None else f"moved by --map {port_map.word}"
    return Verdict(Outcome.BIND, locals_, reason)


def shape_loser(id_: ServiceId, port: int, winners: Mapping[int, ServiceId]) -> Verdict:
    """Return the verdict for a service whose port another one of the target has."""
    winner = winners.get(id_.family) or next(iter(winners.values()), None)
    reason = "this machine has no loopback address"
    if winner is not None:
        reason = (
            f"{winner.endpoint} of the target has port {port} here; "
            "--on-conflict remap gives this one a port of its own"
        )
    return Verdict(Outcome.LOST, reason=reason)


def shape_guest(port: int, locals_: tuple[Local, ...], is_denied: bool) -> Verdict:
    """Return the verdict for a service that cannot have its port; locals_: what stands in."""
    if not locals_:
        reason = f"port {port} cannot be had here, nor any that could stand in for it"
        return Verdict(Outcome.LOST, reason=reason)
    why = "needs privilege" if is_denied else "is taken"
    reason = f"port {port} {why} here, {locals_[0].port} stands in"
    return Verdict(Outcome.BIND, locals_, reason, is_remapped=True)
