"""What changed between two scans. Pure; runs on Python 3.9."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from port_linker.model import Service, ServiceId


class Diff(NamedTuple):
    """appeared and changed hold services as they are now; vanished names those that are gone."""

    appeared: list[Service]
    changed: list[Service]
    vanished: list[ServiceId]

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened."""
        return not (self.appeared or self.changed or self.vanished)


def index_services(services: Iterable[Service]) -> dict[ServiceId, Service]:
    """Return the services by their id."""
    return {service.id: service for service in services}


def diff_services(old: Mapping[ServiceId, Service], new: Mapping[ServiceId, Service]) -> Diff:
    """Return what happened from old to new, in the order of new (vanished: of old)."""
    diff = Diff([], [], [])
    for service_id, service in new.items():
        before = old.get(service_id)
        if before is None:
            diff.appeared.append(service)
        elif before is not service and before != service:
            diff.changed.append(service)
    diff.vanished.extend(service_id for service_id in old if service_id not in new)
    return diff
