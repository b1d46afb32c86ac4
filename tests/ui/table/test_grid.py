"""The table widget draws what is in view, and of that only what changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from port_linker.session.snapshot import Row
from port_linker.ui.table.grid import Grid, _fit
from port_linker.ui.table.view import Column
from tests.ui.samples import service


def rows(count: int, process: str = "x") -> list[Row]:
    return [Row(service(1000 + n, process=process), 0.0) for n in range(count)]


class Stage(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.grid = Grid(ascii_only=False)

    def compose(self) -> ComposeResult:
        yield self.grid


@asynccontextmanager
async def open_grid() -> AsyncIterator[tuple[Grid, Pilot[None]]]:
    app = Stage()
    async with app.run_test(size=(60, 11)) as pilot:
        await pilot.pause()
        yield app.grid, pilot


def drawn_lines(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the lines that are drawn from now on."""
    drawn: list[int] = []

    def refresh(*regions: Region, **_: object) -> Grid:
        drawn.extend(region.y for region in regions)
        return grid

    monkeypatch.setattr(grid, "refresh", refresh)
    return drawn


async def test_only_changed_lines_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_grid() as (grid, _):
        shown = rows(5)
        grid.show(shown)
        drawn = drawn_lines(grid, monkeypatch)
        grid.show(rows(5))
        assert drawn == []
        shown[3] = Row(service(1003, process="other"), 0.0)
        grid.show(shown)
        assert drawn == [4]
        drawn.clear()
        grid.show(rows(5)[:3])
        assert drawn == [4, 5]


async def test_rows_out_of_view_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_grid() as (grid, _):
        grid.show(rows(2000))
        drawn = drawn_lines(grid, monkeypatch)
        grid.show([*rows(1000), *rows(1000, "other")])
        assert drawn == []
        assert len(grid._lines) == 10


async def test_the_cursor_has_ends() -> None:
    async with open_grid() as (grid, _):
        assert grid.place == (0, 0)
        grid.move_by(1)
        grid.move_by_page(-1)
        assert grid.place == (0, 0)
        grid.show(rows(30))
        assert grid.place == (1, 30)
        grid.move_by(-5)
        assert grid.place == (1, 30)
        grid.move_by_page(99)
        assert grid.place == (30, 30)
        assert grid._top == 20
        grid.move_to(0)
        assert grid._top == 0
        grid.move_to(-1)
        assert grid.place == (30, 30)
        assert grid.current == grid._rows[29]


async def test_the_cursor_follows_its_service_and_outlives_it() -> None:
    async with open_grid() as (grid, _):
        shown = rows(5)
        grid.show(shown)
        grid.move_to(2)
        grid.show(shown[1:])
        assert grid.place == (2, 4)
        grid.show([row for row in shown if row.event.port != 1002])
        assert grid.place == (2, 4)
        grid.show([])
        assert grid.place == (0, 0)
        grid.show(shown)
        assert grid.place == (3, 5)


@pytest.mark.parametrize(
    ("text", "right", "ascii_only", "fitted"),
    [
        ("abc", False, False, "abc  "),
        ("abc", True, False, "  abc"),
        ("abcde", False, False, "abcde"),
        ("abcdef", False, False, "abcd…"),
        ("abcdef", True, True, "abcd~"),
        ("日本語", False, False, "日本…"),
        ("日本", True, False, " 日本"),
        ("a日本語", False, False, "a日 …"),
        ("", False, False, "     "),
    ],
)
def test_texts_fit_their_column(text: str, right: bool, ascii_only: bool, fitted: str) -> None:
    assert _fit(text, Column("x", "X", 5, 5, right), ascii_only) == fitted
