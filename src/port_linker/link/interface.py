"""What a link is, seen from the host. Pure: types only. Implemented by mux_link (stdio) and quic.

A link is handed local sockets (bindings) and carries every connection or datagram that arrives on
them to one service of the target. It never closes a binding's socket: the session owns it and may
hand it to another link. A connection that was accepted belongs to the link until its end.
"""

from __future__ import annotations

import enum
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from port_linker.model import ServiceId
from port_linker.observe.counters import Traffic

__all__ = ["Binding", "Link", "LinkKind", "Traffic"]


class LinkKind(enum.StrEnum):
    """The two kinds of link, by the names that people see."""

    STDIO = "stdio"
    QUIC = "quic"


@dataclass(frozen=True)
class Binding:
    """A local socket that stands in for one service.

    sock: listening (TCP) or bound (UDP), non-blocking, on loopback.
    accepts: asked with a peer's address before it is carried (--own-user-only), for UDP with each
    datagram; returns what names the peer's socket, None if it may not pass. A sidecar asks the
    kernel the same question by itself.
    """

    service: ServiceId
    sock: socket.socket
    local: str  # "127.0.0.1:5432"
    accepts: Callable[[tuple[str, int]], bytes | None] | None = None


class Link(Protocol):
    """Carries flows for the bindings it was given."""

    kind: LinkKind

    def adopt(self, binding: Binding) -> None:
        """Start to take connections or datagrams from this binding."""

    def release(self, binding: Binding) -> None:
        """Stop to take new ones; flows that are open go on. The socket stays open."""

    def hold(self, service: ServiceId, deadline_s: float | None) -> None:
        """Let new connections to the service wait, at most deadline_s each; None ends the hold."""

    def reset_flows(self, service: ServiceId | None = None) -> None:
        """Reset the flows of one service, or all of them."""

    def traffic(self) -> dict[ServiceId, Traffic]:
        """Return the counters by service, for the display."""

    async def close(self) -> None:
        """End every flow and free what the link holds."""
