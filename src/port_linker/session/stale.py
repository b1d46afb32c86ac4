"""Marks services whose state cannot be known, so that old news is never shown as current. Pure.

Stands between the binder and whoever reads the stream. Bounded by the services that are ready.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from port_linker.ports.types import ServiceState
from port_linker.session.events import ServiceEvent, SessionEvent


class StaleMarks:
    """Passes events on; while the target is out of sight, what is ready says so."""

    def __init__(self, emit: Callable[[SessionEvent], None]) -> None:
        self._emit = emit
        self._ready: dict[str, ServiceEvent] = {}
        self._is_stale = False

    def take(self, event: SessionEvent) -> None:
        """Pass one event on."""
        if isinstance(event, ServiceEvent):
            if event.state is ServiceState.READY:
                self._ready[event.key] = event
                self._emit(self._marked(event))
                return
            self._ready.pop(event.key, None)
        self._emit(event)

    def set(self, is_stale: bool, at: float) -> bool:
        """Tell all that is ready anew if this is a change; return whether it is one.

        at: seconds since 1970.
        """
        if is_stale is self._is_stale:
            return False
        self._is_stale = is_stale
        for event in self._ready.values():
            self._emit(self._marked(replace(event, at=at)))
        return True

    def _marked(self, event: ServiceEvent) -> ServiceEvent:
        return replace(event, is_unseen=True) if self._is_stale else event
