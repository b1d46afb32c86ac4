"""A service as the groups see it: the port it wants, and what it got. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.binding.facts import Verdict
from port_linker.binding.rules import PortMap
from port_linker.model import Proto, Service

Group = tuple[Proto, int]  # protocol and the local port that is wanted


@dataclass
class Member:
    """One service, and what is wanted for it."""

    service: Service
    port: int  # the local port that it wants
    map: PortMap | None
    is_present: bool = True
    is_moved: bool = False  # to another port, after a conflict that nobody was asked about
    shape: Verdict | None = None

    @property
    def group(self) -> Group:
        """Whom it competes with."""
        return self.service.id.proto, self.port
