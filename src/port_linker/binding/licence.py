"""When the holder of a port may be ended without asking. Pure."""

from __future__ import annotations

from collections import Counter

from port_linker.binding.conflict import explain_refusal
from port_linker.binding.facts import BindOptions, Holder
from port_linker.binding.rules import names_port
from port_linker.model import Proto, Service

MAX_KILLS = 3  # of one port in a session: its holder, or the service, may start again for ever


class KillLicence:
    """Only on ports that the command line names itself, and a few times in a session."""

    def __init__(self, options: BindOptions) -> None:
        self._options = options
        self._used: Counter[tuple[Proto, int]] = Counter()  # by local port: few, for they are named

    def explain_refusal(self, service: Service, port: int, holder: Holder | None) -> str | None:
        """Return why the holder of a local port is not ended, None if it may be."""
        if not names_port(self._options.only, service):
            return f"port {service.id.port} is not named in --only"
        if self._used[service.id.proto, port] >= MAX_KILLS:
            return f"{MAX_KILLS} processes were ended for this port in this session already"
        return explain_refusal(holder)

    def use(self, service: Service, port: int) -> None:
        """Count one that is ended."""
        self._used[service.id.proto, port] += 1
