"""Which local addresses are claimed by which service, and who is a guest on another port. Pure.

A guest is a service that does not get the port it wants and takes another one (remap.py). Owners
of their own number come first: a guest that stands on it moves on.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from port_linker.binding.facts import LOOPBACK, Local, LocalFacts
from port_linker.binding.remap import MAX_TRIES, remap_candidates
from port_linker.model import Proto, ServiceId

GUESTS_AT_ONCE = 250
MAX_REMEMBERED = 4096  # stand-in ports of one target; the oldest are forgotten

Claim = tuple[Proto, int, int]  # protocol, family, port


@dataclass
class _Guest:
    wanted: int
    families: tuple[int, ...]
    refused: int = 0  # ports that proved busy


class Claims:
    """No local address is claimed twice."""

    def __init__(self, local: LocalFacts, remembered: Mapping[str, int]) -> None:
        self.remembered = dict(remembered)
        self._is_news = False
        self._local = local
        self._claims: dict[Claim, ServiceId] = {}
        self._held: dict[ServiceId, tuple[Claim, ...]] = {}
        self._guests: dict[ServiceId, _Guest] = {}
        self._homeless: dict[ServiceId, None] = {}
        self._busy: set[Claim] = set()

    def release(self, id_: ServiceId, keep_guest: bool = False) -> None:
        """Free what a service claims; a guest stays where it is if asked to."""
        if keep_guest and id_ in self._guests:
            return
        self._guests.pop(id_, None)
        self._homeless.pop(id_, None)
        self._free(id_)

    def claim(self, id_: ServiceId, locals_: tuple[Local, ...]) -> None:
        """Claim the number that a service has on the target; guests there lose their place."""
        self.release(id_)
        claims = tuple((id_.proto, local.family, local.port) for local in locals_)
        for claim in claims:
            guest = self._claims.get(claim)
            if guest is not None:
                self._free(guest)
                self._homeless[guest] = None
        self._take(id_, claims)

    def invite(self, id_: ServiceId, wanted: int, families: tuple[int, ...]) -> None:
        """Let a service take another port than the one it wanted, for these families."""
        guest = self._guests.get(id_)
        if guest is None:
            self._free(id_)
            guest = self._guests[id_] = _Guest(wanted, families)
        guest.families = families
        self._homeless[id_] = None

    def remembers(self, id_: ServiceId) -> bool:
        """Whether another port stood in for this service before."""
        return id_.key in self.remembered

    def forget(self, id_: ServiceId) -> bool:
        """Forget the port that stood in before; return whether there was one."""
        if self.remembered.pop(id_.key, None) is None:
            return False
        self._is_news = True
        return True

    def mark_busy(self, id_: ServiceId, local: Local) -> None:
        """Note that a port is held on this machine, so that a guest looks elsewhere."""
        self._busy.add((id_.proto, local.family, local.port))
        if id_ in self._guests:
            self._guests[id_].refused += 1

    def forget_busy(self) -> None:
        """Start anew: what was held may be free."""
        self._busy.clear()
        for guest in self._guests.values():
            guest.refused = 0

    @property
    def has_homeless(self) -> bool:
        """Whether a guest has no place yet."""
        return bool(self._homeless)

    def settle_guests(self) -> list[tuple[ServiceId, tuple[Local, ...]]]:
        """Give guests without a place one; lower ports first. Empty: there is none.

        Of very many some at a time: each may have to look at MAX_TRIES ports.
        """
        some = list(itertools.islice(self._homeless, GUESTS_AT_ONCE))
        for id_ in some:
            del self._homeless[id_]
        return [(id_, self._settle(id_, self._guests[id_])) for id_ in sorted(some)]

    def take_remembered(self) -> dict[str, int] | None:
        """Return the ports of the guests by service key, if that is news."""
        if not self._is_news:
            return None
        self._is_news = False
        return dict(self.remembered)

    def _settle(self, id_: ServiceId, guest: _Guest) -> tuple[Local, ...]:
        self._free(id_)
        port = self._find_port(id_, guest)
        if port is None:
            return ()
        self._take(id_, tuple((id_.proto, family, port) for family in guest.families))
        if self.remembered.get(id_.key) != port:
            self.remembered[id_.key] = port
            if len(self.remembered) > MAX_REMEMBERED:
                del self.remembered[next(iter(self.remembered))]
            self._is_news = True
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
