"""Who has had each local port in this session, so that nobody takes one over unseen. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from port_linker.binding.defaults import owner_name
from port_linker.model import Proto, Service

MAX_PORTS = 20_000  # as many as services are kept in mind; the oldest are forgotten
MAX_OWNERS = 8  # of one port, the newest
MAX_NAME_CHARS = 64

Port = tuple[Proto, int]


class PortOwners:
    """Remembers owners, uid and name, by the port that their service was given."""

    def __init__(self) -> None:
        self._owners: dict[Port, dict[int, str]] = {}

    def of(self, port: Port) -> Mapping[int, str]:
        """Return who has had a port, the latest last."""
        return self._owners.get(port, {})

    def note(self, port: Port, service: Service) -> None:
        """Remember the owner of the service that has the port now."""
        owners = self._owners.setdefault(port, {})
        owners[service.uid] = owner_name(service)[:MAX_NAME_CHARS]
        if len(owners) > MAX_OWNERS:
            del owners[next(iter(owners))]
        if len(self._owners) > MAX_PORTS:
            del self._owners[next(iter(self._owners))]
