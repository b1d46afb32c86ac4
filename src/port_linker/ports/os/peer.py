"""Find the user whose process a local connection comes from, for --own-user-only. I/O.

The kernel is asked about the other end's socket by sock_diag. A connection whose socket cannot be
found is refused: its program has closed it already.

A datagram does not say which socket sent it. But the socket that has an address now and had it when
the association began has had it all the time, so each datagram in between is its own. So the
question is asked after each datagram was read, and before each reply is sent: 4 µs, 2026-11-21.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from port_linker.model import Proto
from port_linker.ports.types import Local
from port_linker.scan.lookup import Endpoint, Found, SocketLookup

_LOOKUP = SocketLookup()  # one for all bindings: each keeps a descriptor


def check_own_user(proto: Proto, local: Local) -> Callable[[Endpoint], bytes | None]:
    """Return the question which socket of our user is at a peer's address of the binding at local.

    The answer is the socket's cookie, None if it is another user's or there is none.
    """
    uid = os.geteuid()

    def find_own(peer: Endpoint) -> bytes | None:
        found = find_peer(proto, local, peer)
        return found.cookie if found is not None and found.uid == uid else None

    return find_own


def find_peer(proto: Proto, local: Local, peer: Endpoint) -> Found | None:
    """Return the socket at peer that talks to local; None if it cannot be found."""
    try:
        found = _LOOKUP.find(proto, (peer[0], peer[1]), (local.address, local.port))
    except (OSError, ValueError):
        return None
    # Without an inode it is closed, and the uid is 0 for anybody.
    return found if found is not None and found.inode else None
