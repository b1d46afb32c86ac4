"""Give each local address to one service at most; find other ports for guests. Pure.

A guest is a service that does not get the port it wants and takes another one (`remap_candidates`).
A service that wants its own number comes first: a guest that has the number moves on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from port_linker.model import Proto, ServiceId
from port_linker.ports.types import LOOPBACK, Local, LocalFacts

STEP = 10_000
FIRST_OFFSET = 8_000  # 80 -> 8080, 443 -> 8443: the numbers that people expect
MAX_TRIES = 20  # ports tried for one service; a machine where all are taken has other troubles
GUESTS_AT_ONCE = 250
MAX_REMEMBERED = 4096  # stand-in ports of one target; the oldest are forgotten

Claim = tuple[Proto, int, int]  # protocol, family, local port


@dataclass
class _Guest:
    wanted: int
    families: tuple[int, ...]
    refused: int = 0  # ports that proved busy


class Allocation:
    """The local addresses that are given to services. None is given twice."""

    def __init__(self, local: LocalFacts, remembered: Mapping[str, int]) -> None:
        self.remembered = dict(remembered)
        self._is_changed = False
        self._local = local
        self._claims: dict[Claim, ServiceId] = {}
        self._held: dict[ServiceId, tuple[Claim, ...]] = {}
        self._guests: dict[ServiceId, _Guest] = {}
        self._unplaced: dict[ServiceId, None] = {}
        self._busy: set[Claim] = set()

    def release(self, id_: ServiceId, keep_guest: bool = False) -> None:
        """Free the addresses of a service; with keep_guest, a guest stays where it is."""
        if keep_guest and id_ in self._guests:
            return
        self._guests.pop(id_, None)
        self._unplaced.pop(id_, None)
        self._free(id_)

    def claim(self, id_: ServiceId, locals_: tuple[Local, ...]) -> None:
        """Give a service the port that it wants; guests there lose their place."""
        self.release(id_)
        claims = tuple((id_.proto, local.family, local.port) for local in locals_)
        for claim in claims:
            guest = self._claims.get(claim)
            if guest is not None:
                self._free(guest)
                self._unplaced[guest] = None
        self._take(id_, claims)

    def invite(self, id_: ServiceId, wanted: int, families: tuple[int, ...]) -> None:
        """Make a service a guest: it gets another port than it wanted, in these families."""
        guest = self._guests.get(id_)
        if guest is None:
            self._free(id_)
            guest = self._guests[id_] = _Guest(wanted, families)
        guest.families = families
        self._unplaced[id_] = None

    def remembers(self, id_: ServiceId) -> bool:
        """Return whether another port stood in for this service before."""
        return id_.key in self.remembered

    def forget(self, id_: ServiceId) -> bool:
        """Forget the port that stood in before; return whether there was one."""
        if self.remembered.pop(id_.key, None) is None:
            return False
        self._is_changed = True
        return True

    def mark_busy(self, id_: ServiceId, local: Local) -> None:
        """Mark a port as held on this machine, so that a guest tries another one."""
        self._busy.add((id_.proto, local.family, local.port))
        if id_ in self._guests:
            self._guests[id_].refused += 1

    def forget_busy(self) -> None:
        """Forget which ports are held: they may be free by now."""
        self._busy.clear()
        for guest in self._guests.values():
            guest.refused = 0

    @property
    def has_unplaced(self) -> bool:
        """Return whether a guest still waits for a port."""
        return bool(self._unplaced)

    def place_guests(self) -> list[tuple[ServiceId, tuple[Local, ...]]]:
        """Give waiting guests a port, lower ports first. Empty: no port is free.

        Of very many, a part per call: each may have to try MAX_TRIES ports.
        """
        some = list(itertools.islice(self._unplaced, GUESTS_AT_ONCE))
        for id_ in some:
            del self._unplaced[id_]
        return [(id_, self._place(id_, self._guests[id_])) for id_ in sorted(some)]

    def take_remembered(self) -> dict[str, int] | None:
        """Return the ports of the guests by service key if they changed since the last call."""
        if not self._is_changed:
            return None
        self._is_changed = False
        return dict(self.remembered)

    def _place(self, id_: ServiceId, guest: _Guest) -> tuple[Local, ...]:
        self._free(id_)
        port = self._find_port(id_, guest)
        if port is None:
            return ()
        self._take(id_, tuple((id_.proto, family, port) for family in guest.families))
        if self.remembered.get(id_.key) != port:
            self.remembered[id_.key] = port
            if len(self.remembered) > MAX_REMEMBERED:
                del self.remembered[next(iter(self.remembered))]
            self._is_changed = True
        return tuple(Local(family, LOOPBACK[family], port) for family in guest.families)

    def _find_port(self, id_: ServiceId, guest: _Guest) -> int | None:
        if guest.refused >= MAX_TRIES or not guest.families:
            return None
        start = 1 if self._local.is_privileged else self._local.unprivileged_start
        candidates = remap_candidates(
            guest.wanted, self.remembered.get(id_.key), max(start, 1024), self._local.ephemeral
        )
        return next((port for port in candidates if self._is_free(id_, guest, port)), None)

    def _is_free(self, id_: ServiceId, guest: _Guest, port: int) -> bool:
        claims = ((id_.proto, family, port) for family in guest.families)
        return not any(claim in self._claims or claim in self._busy for claim in claims)

    def _take(self, id_: ServiceId, claims: tuple[Claim, ...]) -> None:
        self._held[id_] = claims
        for claim in claims:
            self._claims[claim] = id_

    def _free(self, id_: ServiceId) -> None:
        for claim in self._held.pop(id_, ()):
            del self._claims[claim]


def remap_candidates(
    port: int, remembered: int | None, unprivileged_start: int, ephemeral: tuple[int, int]
) -> Iterator[int]:
    """Yield the ports to try: the remembered one, port + 8000, + 18000 …, then upward from there.

    No port is privileged, and only the remembered one may lie in this machine's ephemeral range
    (first, last), where any program may be given it by chance.
    """
    seen = {port}
    for candidate in _all_candidates(port, remembered, unprivileged_start):
        if candidate in seen or not unprivileged_start <= candidate <= 0xFFFF:
            continue
        if ephemeral[0] <= candidate <= ephemeral[1] and candidate != remembered:
            continue
        seen.add(candidate)
        yield candidate


def _all_candidates(port: int, remembered: int | None, start: int) -> Iterator[int]:
    if remembered is not None:
        yield remembered
    yield from range(port + FIRST_OFFSET, 0x10000, STEP)
    around = max(start, 1024)
    first = around + port % max(1, 0x8000 - around)  # spread, so that neighbours do not collide
    yield from range(first, 0x10000)
    yield from range(around, first)
