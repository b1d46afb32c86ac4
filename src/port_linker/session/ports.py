"""The local sockets of a session, in the hands of the link. I/O.

A service may have several sockets on the target (0.0.0.0 and ::). To the link each of them is one
of its own, dialled from the local family that it belongs to; all others see the service alone.
"""

from __future__ import annotations

import errno
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterable

from port_linker import clock
from port_linker.link.interface import Binding, Link, Traffic
from port_linker.model import Proto, ServiceId
from port_linker.ports import commands as cmd
from port_linker.ports import events as ev
from port_linker.ports.os.holder import HolderFinder
from port_linker.ports.os.sockets import bind_together
from port_linker.ports.types import Local, PortHolder
from port_linker.session.shelf import Shelf
from port_linker.tasks import start_task

PeerCheck = Callable[[Proto, Local], Callable[[tuple[str, int]], bytes | None]]

CLOSING_S = 2.0  # a sidecar closes what it is told to within milliseconds
OURSELVES = PortHolder(is_port_linker=True, is_self=True)


class LocalPorts:
    """Binds, hands over, takes back.

    tell: takes the answers of what was asked for. shelf: keeps what is released, with --hold.
    """

    def __init__(
        self,
        link: Link,
        tell: Callable[[ev.Event], None],
        peer_check: PeerCheck | None,
        shelf: Shelf | None = None,
    ) -> None:
        self._link, self._tell, self._peer_check = link, tell, peer_check
        self.holders = HolderFinder()
        self._shelf = shelf
        self._bindings: dict[tuple[ServiceId, Local], Binding] = {}
        self._dials: dict[ServiceId, set[ServiceId]] = {}  # by service: its sockets, as bound here
        self._closing: OrderedDict[tuple[Proto, Local], float] = (
            OrderedDict()
        )  # released lately; until when
        self._held: dict[ServiceId, float] = {}
        self._services: dict[ServiceId, ServiceId] = {}  # by socket: whose it is

    @property
    def count(self) -> int:
        """How many local sockets are bound now."""
        return len(self._bindings)

    def traffic(self) -> dict[ServiceId, Traffic]:
        """Return the counters by service, of all its sockets together."""
        found: dict[ServiceId, Traffic] = {}
        for dial, row in self._link.traffic().items():
            service = self._services.get(dial, dial)
            if service not in found:
                found[service] = row
                continue
            both = found[service] = Traffic(**vars(found[service]))
            for name, value in vars(row).items():
                setattr(both, name, getattr(both, name) + value)
        return found

    def bind(self, command: cmd.BindService) -> None:
        """Bind all of a command's addresses or none; tell of each what became of it."""
        service, dials = command.service, dict(command.dials)
        kept = self._take_kept(service.proto, command.locals)
        found = bind_together(service.proto, command.locals, kept)
        for local, sock in kept.items():
            if isinstance(found[local], int):
                self._keep_or_close(service.proto, local, sock)
        for local, bound in found.items():
            if not isinstance(bound, int):
                self._take(service, dials.get(local.family, service), local, bound)
            elif bound == errno.EADDRINUSE and self._is_closing(service.proto, local):
                self._tell(ev.BindFailed(service, local, bound, OURSELVES))
            elif bound == errno.EADDRINUSE:
                start_task(self._name_holder(service, local), f"holder of {local.text}")
            else:
                self._tell(ev.BindFailed(service, local, bound))

    def release(self, command: cmd.ReleaseService) -> None:
        """Take addresses from the link and free them."""
        for local in command.locals:
            binding = self._bindings.pop((command.service, local), None)
            if binding is None:
                continue
            self._link.release(binding)
            self._note_closing(command.service.proto, local)
            if command.is_conflict:
                binding.sock.close()
            else:
                self._keep_or_close(command.service.proto, local, binding.sock)

    def hold(self, service: ServiceId, deadline_s: float | None) -> None:
        """Let new connections to a service wait; None ends that."""
        if deadline_s is None:
            self._held.pop(service, None)
        else:
            self._held[service] = deadline_s
        for dial in self._dials.get(service, {service}):
            self._link.hold(dial, deadline_s)

    def reset_flows(self, service: ServiceId) -> None:
        """Reset the flows of a service."""
        for dial in self._dials.get(service, {service}):
            self._link.reset_flows(dial)

    def forget(self, service: ServiceId) -> None:
        """Forget the sockets of a service that is gone."""
        for dial in self._dials.pop(service, ()):
            if self._services.get(dial) == service:
                del self._services[dial]

    def close(self) -> None:
        """Free every local port at once."""
        for binding in self._bindings.values():
            self._link.release(binding)
            binding.sock.close()
        self._bindings.clear()
        if self._shelf is not None:
            self._shelf.close()

    def _take_kept(self, proto: Proto, locals_: Iterable[Local]) -> dict[Local, socket.socket]:
        if self._shelf is None:
            return {}
        kept = {local: self._shelf.take(proto, local) for local in locals_}
        return {local: sock for local, sock in kept.items() if sock is not None}

    def _is_closing(self, proto: Proto, local: Local) -> bool:
        """Whether a sidecar may still have a socket there, which it was told to close."""
        return clock.monotonic_s() < self._closing.get((proto, local), 0.0)

    def _note_closing(self, proto: Proto, local: Local) -> None:
        now = clock.monotonic_s()
        self._closing.pop((proto, local), None)
        self._closing[proto, local] = now + CLOSING_S
        while next(iter(self._closing.values())) <= now:
            self._closing.popitem(last=False)

    def _keep_or_close(self, proto: Proto, local: Local, sock: socket.socket) -> None:
        if self._shelf is None:
            sock.close()
        else:
            self._shelf.put(proto, local, sock)

    def _take(self, service: ServiceId, dial: ServiceId, local: Local, sock: socket.socket) -> None:
        check = self._peer_check
        accepts = None if check is None else check(service.proto, local)
        if service in self._held:
            self._link.hold(dial, self._held[service])
        self._dials.setdefault(service, set()).add(dial)
        self._services[dial] = service
        self._bindings[service, local] = binding = Binding(dial, sock, local.text, accepts)
        self._link.adopt(binding)
        self._tell(ev.BindDone(service, local))

    async def _name_holder(self, service: ServiceId, local: Local) -> None:
        holder = await self.holders.find(service.proto, local)
        self._tell(ev.BindFailed(service, local, errno.EADDRINUSE, holder))
