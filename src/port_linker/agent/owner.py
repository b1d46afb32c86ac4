"""Judges who listens before a service is dialled. I/O (netlink); runs on Python 3.9.

A scan is up to 5 s old. In between a service may have ended and another user may have taken its
port; the client's passwords must not reach him. So the kernel is asked about the one socket that
would answer. Where it does not say (netlink forbidden, a kernel without tcp_diag or udp_diag) what
was scanned counts, as it did before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from typing import Optional

from port_linker.model import Proto, Service
from port_linker.scan.lookup import Endpoint, Found, SocketLookup

logger = logging.getLogger(__name__)

REFUSED = "refused"
OTHER_OWNER = "refused: another user has the port"
_TOLD = 256  # services and owners whose change was logged
_ROOT_UID = 0


class OwnerCheck:
    """Asks who listens. Root, our own user and the owner that was scanned may be dialled."""

    def __init__(self, lookup: Optional[SocketLookup] = None) -> None:
        self._lookup = lookup or SocketLookup()
        self._works: dict[Proto, bool] = {}  # whether the kernel finds sockets of the protocol
        self._told: set[tuple[str, int]] = set()

    def explain_refusal(
        self, service: Service, near: Endpoint, far: Optional[Endpoint] = None
    ) -> Optional[str]:
        """Return why the service must not be dialled at near, None if it may be.

        far: our own end, for UDP; sockets that share a port take datagrams by it.
        """
        proto = service.id.proto
        try:
            found = self._lookup.find(proto, near, far)
        except (OSError, ValueError) as error:
            logger.debug("the kernel does not say who listens", extra={"reason": str(error)})
            return None
        if found is None:
            return REFUSED if self._finds(proto) else None
        self._works[proto] = True
        if found.uid in (_ROOT_UID, os.geteuid(), service.uid):
            return None
        self._tell(service, found)
        return OTHER_OWNER

    def _finds(self, proto: Proto) -> bool:
        """Whether "no such socket" can be believed: the kernel must find one that is there."""
        if proto not in self._works:
            kind = socket.SOCK_STREAM if proto is Proto.TCP else socket.SOCK_DGRAM
            self._works[proto] = False
            with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as sock:
                sock.bind(("127.0.0.1", 0))
                if proto is Proto.TCP:
                    sock.listen(1)
                self._works[proto] = self._lookup.find(proto, sock.getsockname()) is not None
        return self._works[proto]

    def _tell(self, service: Service, found: Found) -> None:
        """Log a change once."""
        key = (service.id.key, found.uid)
        if key in self._told:
            return
        if len(self._told) >= _TOLD:
            self._told.clear()
        self._told.add(key)
        logger.warning(
            "not dialled: another user has taken the port",
            extra={"service": service.id.key, "owner": service.uid, "taken_by": found.uid},
        )
