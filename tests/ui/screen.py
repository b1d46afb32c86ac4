"""The table without a terminal, for tests: as text, and as a stage for keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from textual.pilot import Pilot

from port_linker.link.interface import Traffic
from port_linker.session.events import SessionEvent
from port_linker.session.snapshot import Snapshot
from port_linker.ui.table.app import TableApp
from port_linker.ui.table.hooks import AppHooks
from port_linker.ui.text.journal import Journal


@dataclass
class Stage:
    """A table that runs; counters are set, calls are remembered."""

    app: TableApp
    picture: Snapshot
    journal: Journal
    counters: dict[str, Traffic]
    called: list[str]
    answered: set[str]
    pilot: Pilot[None] = field(init=False)

    async def fold(self, *events: SessionEvent) -> None:
        """Take events in and draw them."""
        for event in events:
            self.picture.fold(event)
            self.journal.take(event)
        self.app.draw()
        await self.pilot.pause()

    def text(self) -> list[str]:
        """Return the lines of the whole screen, as a terminal would show them."""
        screen = self.app.screen
        update = screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in update]


@asynccontextmanager
async def open_stage(
    width: int = 80,
    height: int = 12,
    ascii_only: bool = False,
    no_color: bool = False,
    show_skipped: bool = True,
) -> AsyncIterator[Stage]:
    """Run the table headless."""
    picture, journal = Snapshot("dev1"), Journal()
    counters: dict[str, Traffic] = {}
    called: list[str] = []
    answered: set[str] = set()

    def traffic() -> Mapping[str, Traffic]:
        called.append("traffic")
        return counters

    def has_answer(key: str) -> bool:
        return key in answered

    def take_back(key: str) -> bool:
        called.append(f"take back {key}")
        return key in answered

    async def login() -> None:
        called.append("login")

    hooks = AppHooks(
        traffic,
        lambda: called.append("reconnect"),
        lambda: called.append("interrupt"),
        has_answer,
        take_back,
        journal.lines,
        login,
    )
    app = TableApp(picture, hooks, ascii_only, no_color, show_skipped)
    stage = Stage(app, picture, journal, counters, called, answered)
    async with app.run_test(size=(width, height)) as pilot:
        stage.pilot = pilot
        await pilot.pause()
        yield stage
