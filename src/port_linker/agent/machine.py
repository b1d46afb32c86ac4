"""What the agent tells the host, and when it ends. Pure; runs on Python 3.9.

Two machines meet in a link: host and agent resume if each holds the other's state, and otherwise
both begin anew. The same rule on both ends gives the same answer.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from port_linker.agent.lease import Lease
from port_linker.model import Service, ServiceId, parse_service_key
from port_linker.protocol.messages import Facts, Hello, encode_changes
from port_linker.scan.diff import diff_services


class AgentMachine:
    """Knows the host that it serves, what that host has been told, and the lease."""

    def __init__(self, instance: str, lease: Lease) -> None:
        self.instance = instance
        self.lease = lease
        self.host = ""  # whose state the mux holds
        self.services: dict[ServiceId, Service] = {}  # the latest scan
        self._told: Optional[dict[ServiceId, Service]] = None

    def hello(self, received_bytes: int) -> Hello:
        """Return our first message on a new link."""
        return Hello(self.instance, self.host, received_bytes)

    def meet(self, hello: Hello) -> bool:
        """Take the host's first message; return whether flows go on (else all begins anew)."""
        resumes = hello.me == self.host and hello.peer == self.instance
        if not resumes:
            self.host = hello.me
            self._told = None
        return resumes

    def forget_host(self) -> None:
        """Nothing can be resumed: the next link begins anew."""
        self.host = ""
        self._told = None

    def tell(
        self, services: dict[ServiceId, Service], read_facts: Callable[[], Facts]
    ) -> list[dict[str, Any]]:
        """Return the control messages that bring the host up to date."""
        self.services = services
        if self._told is None:
            self._told = dict(services)
            return [
                read_facts().to_json(),
                *encode_changes(services.values(), (), (), is_full=True),
            ]
        diff = diff_services(self._told, services)
        self._told = dict(services)
        return encode_changes(diff.appeared, diff.changed, diff.vanished)

    def find(self, key: str) -> Optional[Service]:
        """Return the service that the host asks for, if there is one; nothing else is dialled."""
        try:
            wanted = parse_service_key(key)
        except ValueError:
            return None
        return self.services.get(wanted) or (self._told or {}).get(wanted)
