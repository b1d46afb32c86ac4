"""Tells the agent which services are bound here. Pure.

The target's table of what may be dialled has a limit; what the host has bound is in it before
anything else. Nothing is queued while the link is down: once it is up again all is told.
"""

from __future__ import annotations

from typing import Any, Protocol

from port_linker.protocol.bound import BoundChanges, encode_bound


class AgentLink(Protocol):
    """The link on which the agent listens."""

    @property
    def is_attached(self) -> bool:
        """Whether it listens."""

    def send_control(self, message: dict[str, Any]) -> None:
        """Send it a message."""


class BoundList:
    """What is bound, and what the agent was told of it."""

    def __init__(self, link: AgentLink) -> None:
        self._link = link
        self._bound: frozenset[str] = frozenset()

    def update(self, keys: frozenset[str], is_told: bool = True) -> None:
        """Take in what is bound now; tell what changed if somebody listens."""
        before, self._bound = self._bound, keys
        if is_told and self._link.is_attached and keys != before:
            self._send(BoundChanges(_sorted(keys - before), _sorted(before - keys)))

    def tell_all(self) -> None:
        """The agent listens (again), or a new one does: tell all."""
        if self._link.is_attached:
            self._send(BoundChanges(_sorted(self._bound), is_full=True))

    def _send(self, changes: BoundChanges) -> None:
        for message in encode_bound(changes):
            self._link.send_control(message)


def _sorted(keys: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(keys))
