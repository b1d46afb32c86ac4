"""The table without a terminal, for tests: as text, and as a stage for keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from textual.pilot import Pilot

from port_linker.link.interface import Traffic
from port_linker.session.events import SessionEvent
from port_linker.session.snapshot import Snapshot
from port_linker.ui.app import AppHooks, TableApp


@dataclass
class Stage:
    """A table that runs; counters are set, calls are remembered."""

    app: TableApp
    picture: Snapshot
    counters: dict[str, Traffic]
    called: list[str]
    pilot: Pilot[None] = field(init=False)

    async def fold(self, *events: SessionEvent) -> None:
        """Take events in and draw them."""
        for event in events:
            self.picture.fold(event)
        self.app.draw()
        await self.pilot.pause()

    def text(self) -> list[str]:
        """Return the lines of the whole screen, as a terminal would show them."""
        screen = self.app.screen
        update = screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in update]


@asynccontextmanager
async def open_stage(
    width: int = 80, height: int = 12, ascii_only: bool = False, no_color: bool = False
) -> AsyncIterator[Stage]:
    """Run the table headless."""
    picture = Snapshot("dev1")
    counters: dict[str, Traffic] = {}
    called: list[str] = []

    def traffic() -> Mapping[str, Traffic]:
        called.append("traffic")
        return counters

    hooks = AppHooks(
        traffic, lambda: called.append("reconnect"), lambda: called.append("interrupt")
    )
    app = TableApp(picture, hooks, ascii_only, no_color)
    stage = Stage(app, picture, counters, called)
    async with app.run_test(size=(width, height)) as pilot:
        stage.pilot = pilot
        await pilot.pause()
        yield stage
