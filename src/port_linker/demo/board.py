"""What the demo has heard of its session so far, and waits for. Asyncio, no other I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from port_linker.demo.steps import DemoFault
from port_linker.link.interface import LinkKind
from port_linker.ports.types import ServiceState
from port_linker.session.events import (
    HelloEvent,
    LinkEvent,
    LinkState,
    ServiceEvent,
    SessionEvent,
    SessionState,
    StateEvent,
)

T = TypeVar("T")
_FINAL = (ServiceState.CONFLICT, ServiceState.SKIPPED, ServiceState.WAITING)


class Board:
    """The latest event of each kind and service. One waiter at a time."""

    def __init__(self) -> None:
        self._hello: HelloEvent | None = None
        self._state: StateEvent | None = None
        self._links: dict[str, LinkEvent] = {}
        self._services: dict[tuple[str, int], ServiceEvent] = {}
        self._news = asyncio.Event()

    def note(self, event: SessionEvent) -> None:
        """Remember one event."""
        if isinstance(event, ServiceEvent):
            self._services[event.proto, event.port] = event
        elif isinstance(event, StateEvent):
            self._state = event
        elif isinstance(event, LinkEvent):
            self._links[event.link] = event
        elif isinstance(event, HelloEvent):
            self._hello = event
        self._news.set()

    def replay(self) -> list[SessionEvent]:
        """Return the events that give a late reader the whole picture."""
        there = [e for e in self._services.values() if e.state is not ServiceState.GONE]
        heads = [event for event in (self._hello, self._state) if event is not None]
        return [*heads, *self._links.values(), *there]

    async def wait_up(self) -> None:
        """Return once the session is up."""
        await self._wait(lambda: self._state is not None and self._state.state is SessionState.UP)

    async def wait_ready(self, proto: str, port: int) -> ServiceEvent:
        """Return once the service is bound here. Raises DemoFault if it will not be."""

        def look() -> ServiceEvent | None:
            event = self._services.get((proto, port))
            if event is not None and event.state in _FINAL:
                raise DemoFault(f"{port}/{proto} is {event.state}: {event.reason}")
            return event if event is not None and event.state is ServiceState.READY else None

        return await self._wait(look)

    async def wait_gone(self, proto: str, port: int) -> None:
        """Return once the service is bound here no more."""

        def look() -> bool:
            event = self._services.get((proto, port))
            return event is None or event.state is ServiceState.GONE

        await self._wait(look)

    async def wait_quic(self) -> LinkEvent:
        """Return once QUIC is up, or it is known why it is not."""

        def look() -> LinkEvent | None:
            event = self._links.get(LinkKind.QUIC)
            return event if event is not None and event.state is not LinkState.TRYING else None

        return await self._wait(look)

    async def _wait(self, look: Callable[[], T | None]) -> T:
        while not (found := look()):
            self._news.clear()
            await self._news.wait()
        return found
