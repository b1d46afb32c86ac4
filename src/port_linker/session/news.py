"""What the agent says, brought to those whom it concerns. I/O: through the binder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from port_linker.errors import PortLinkerError
from port_linker.ports import events as port_events
from port_linker.ports.types import TargetFacts
from port_linker.protocol.messages import Facts, parse_changes, parse_facts, parse_log
from port_linker.session.binder import Binder
from port_linker.session.quic import QuicSession
from port_linker.session.reporter import Reporter

logger = logging.getLogger(__name__)

PART = 50  # services in one event: each may have 31 rivals for its port, who are planned with it


class AgentNews:
    """Reads control messages. The target may be refused once its facts are known."""

    def __init__(
        self,
        binder: Binder,
        quic: QuicSession,
        reporter: Reporter,
        judges: Iterable[Callable[[Facts], PortLinkerError | None]],
        on_refused: Callable[[PortLinkerError], None],
    ) -> None:
        self._binder, self._quic, self._reporter = binder, quic, reporter
        self._judges, self._on_refused = tuple(judges), on_refused
        self._facts: Facts | None = None

    def take(self, message: dict[str, Any]) -> None:
        """Take one message; what is unknown is ignored. Raises ProtocolError if it is malformed."""
        kind = message.get("t")
        if kind == "services":
            self._take_services(message)
        elif kind == "facts":
            self._take_facts(parse_facts(message))
        elif isinstance(kind, str) and kind.startswith("quic-"):
            self._quic.on_control(message)
        elif kind == "log":
            record = parse_log(message)
            self._reporter.log(record.level, "agent", record.message, record.fields)

    def tell_link_up(self) -> None:
        """Flows move: let the binder know for which target."""
        if self._facts is not None:
            facts = self._facts
            target = TargetFacts(facts.uid, facts.ephemeral, facts.ssh_port)
            self._binder.handle(port_events.LinkUp(target))

    def _take_services(self, message: dict[str, Any]) -> None:
        changes = parse_changes(message)
        self._handle(
            appeared=changes.appeared[:PART],
            vanished=changes.vanished,
            is_complete=changes.is_full,
        )
        for at in range(PART, len(changes.appeared), PART):
            self._handle(appeared=changes.appeared[at : at + PART])
        for at in range(0, len(changes.changed), PART):
            self._handle(changed=changes.changed[at : at + PART])

    def _handle(self, **changes: Any) -> None:
        event = port_events.ServicesChanged(**changes)
        if event != port_events.ServicesChanged():
            self._binder.handle(event)

    def _take_facts(self, facts: Facts) -> None:
        if facts == self._facts:
            return  # every service would be planned anew for it
        logger.info("the target's facts", extra=facts.to_json())
        for judge in self._judges:
            error = judge(facts)
            if error is not None:
                self._on_refused(error)
                return
        self._facts = facts
        self.tell_link_up()
