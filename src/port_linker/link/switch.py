"""Two links seen as one: every binding, and which of them carries its new flows. I/O.

Stdio has a binding from the first moment. QUIC takes it over when it is chosen, and gives it back
when it is not, when the service is held (only stdio lets connections wait), or when it fails. Open
flows end where they began.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from dataclasses import dataclass

from port_linker.link.bound import BoundList
from port_linker.link.interface import Binding, LinkKind, Traffic
from port_linker.link.mux_link import MuxLink
from port_linker.link.quic_link import QuicLink
from port_linker.link.sidecar import Sidecar
from port_linker.model import ServiceId

logger = logging.getLogger(__name__)


@dataclass
class _Seat:
    """One binding. is_asked: QUIC was asked to take it; is_there: QUIC has it, stdio has not;
    is_refused: QUIC could not take it, and is not asked again before it was chosen anew."""

    binding: Binding
    is_asked: bool = False
    is_there: bool = False
    is_refused: bool = False


class SwitchLink:
    """The session's link: stdio, and QUIC while it is chosen."""

    def __init__(self, stdio: MuxLink, quic: QuicLink) -> None:
        self._stdio, self._quic = stdio, quic
        self._seats: dict[ServiceId, dict[str, _Seat]] = {}  # by service, then local address
        self._held: set[ServiceId] = set()
        self._bound = BoundList(stdio)
        self._is_noted = False  # bindings came or went; the agent is told soon, of all at once
        self.kind = LinkKind.STDIO

    def use(self, kind: LinkKind) -> None:
        """Let new flows go over this link from now on."""
        if kind is self.kind:
            return
        self.kind = kind
        self.tell_bound()
        for seat in self._all_seats():
            seat.is_refused = False
        self.settle()

    @property
    def carrier(self) -> Sidecar | None:
        """The sidecar that new flows go through, None while they do not."""
        return self._quic.sidecar if self.kind is LinkKind.QUIC else None

    def settle(self) -> None:
        """Move what could not be moved before: connections waited there."""
        for seat in self._all_seats():
            self._settle(seat)

    def _all_seats(self) -> list[_Seat]:
        return [seat for seats in self._seats.values() for seat in seats.values()]

    def tell_bound(self) -> None:
        """Tell the agent what is bound, which counts where QUIC carries it."""
        if self.kind is LinkKind.QUIC:
            self._bound.tell_all()

    def _note_bound(self) -> None:
        if not self._is_noted:
            self._is_noted = True
            asyncio.get_running_loop().call_soon(self._tell_changes)

    def _tell_changes(self) -> None:
        self._is_noted = False
        is_told = self.kind is LinkKind.QUIC
        self._bound.update(frozenset(service.key for service in self._seats), is_told)

    # Link

    def adopt(self, binding: Binding) -> None:
        """Start to take connections or datagrams from this binding."""
        seat = _Seat(binding)
        self._seats.setdefault(binding.service, {})[binding.local] = seat
        self._stdio.adopt(binding)
        self._settle(seat)
        self._note_bound()

    def release(self, binding: Binding) -> None:
        """Stop to take new ones; flows that are open go on. The socket stays open."""
        seats = self._seats.get(binding.service, {})
        seat = seats.pop(binding.local, None)
        if not seats:
            self._seats.pop(binding.service, None)
        if seat is not None and seat.is_asked:
            self._quic.release(binding)
        if seat is None or not seat.is_there:
            self._stdio.release(binding)
        self._note_bound()

    def hold(self, service: ServiceId, deadline_s: float | None) -> None:
        """Let new connections to the service wait, at most deadline_s each; None ends the hold."""
        if deadline_s is None:
            self._held.discard(service)
        else:
            self._held.add(service)
            self._settle_service(service)  # stdio must have it to hold it
        self._stdio.hold(service, deadline_s)
        if deadline_s is None:
            self._settle_service(service)

    def reset_flows(self, service: ServiceId | None = None) -> None:
        """Reset the flows of one service, or all of them."""
        self._stdio.reset_flows(service)
        self._quic.reset_flows(service)

    def traffic(self) -> dict[ServiceId, Traffic]:
        """Return the counters by service, of both links together."""
        found = {service: Traffic(**vars(row)) for service, row in self._stdio.traffic().items()}
        for service, row in self._quic.traffic().items():
            both = found.setdefault(service, Traffic())
            for name, value in vars(row).items():
                setattr(both, name, getattr(both, name) + value)
        return found

    async def close(self) -> None:
        """End every flow and free what the links hold."""
        self._seats.clear()
        await self._quic.close()
        await self._stdio.close()

    # Moving

    def _settle_service(self, service: ServiceId) -> None:
        for seat in list(self._seats.get(service, {}).values()):
            self._settle(seat)

    def _settle(self, seat: _Seat) -> None:
        """Move a binding to where it belongs now."""
        if self._belongs_to_quic(seat) and not seat.is_asked:
            seat.is_asked = True
            self._quic.adopt(seat.binding, functools.partial(self._on_adopted, seat))
        elif not self._belongs_to_quic(seat) and seat.is_asked:
            seat.is_asked = False
            self._take_back(seat)
            self._quic.release(seat.binding)

    def _belongs_to_quic(self, seat: _Seat) -> bool:
        return (
            self.kind is LinkKind.QUIC
            and seat.binding.service not in self._held
            and not seat.is_refused
            and not self._stdio.has_waiting(seat.binding)
        )

    def _on_adopted(self, seat: _Seat, is_adopted: bool) -> None:
        if not is_adopted:
            if seat.is_asked:
                seat.is_asked, seat.is_refused = False, True
                self._take_back(seat)
            return
        if seat.is_asked and not seat.is_there and self._is_seated(seat):
            # Both listened until now, so no connection was ever without a taker.
            seat.is_there = True
            self._stdio.release(seat.binding)
            binding = seat.binding
            logger.debug(
                "carried by QUIC", extra={"service": binding.service.key, "local": binding.local}
            )

    def _take_back(self, seat: _Seat) -> None:
        if seat.is_there and self._is_seated(seat):
            seat.is_there = False
            self._stdio.adopt(seat.binding)

    def _is_seated(self, seat: _Seat) -> bool:
        return self._seats.get(seat.binding.service, {}).get(seat.binding.local) is seat
