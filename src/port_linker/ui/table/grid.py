"""The table widget: draws only the lines in view, and of those only the ones that changed.

Textual's DataTable keeps every cell of every row (measured: 388 ms to fill 2,000 rows); here a row
costs nothing until it is in view.
"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from port_linker.session.snapshot import Row
from port_linker.ui.format import Cell
from port_linker.ui.table.view import (
    MIN_WIDTH,
    Column,
    build_cells,
    build_titles,
    gap_of,
    plan_columns,
)

LOOKS = {
    "": Style(),
    "strong": Style(bold=True),
    "dim": Style(dim=True),
    "ready": Style(color="green"),
    "waiting": Style(color="cyan"),
    "conflict": Style(color="red", bold=True),
    "skipped": Style(dim=True),
    "down": Style(color="yellow"),
    "gone": Style(dim=True),
}
CURSOR = Style(reverse=True)


class Grid(Widget):
    """Rows under a line of titles. The cursor stays on its service when rows move."""

    def __init__(self, ascii_only: bool) -> None:
        super().__init__()
        self._ascii_only = ascii_only
        self._rows: list[Row] = []
        self._columns: tuple[Column, ...] = plan_columns(MIN_WIDTH)
        self._cursor = 0
        self._cursor_key: str | None = None
        self._top = 0
        self._lines: list[tuple[tuple[Cell, ...], bool]] = []

    @property
    def place(self) -> tuple[int, int]:
        """The number of the row under the cursor, from 1, and how many there are."""
        return (self._cursor + 1 if self._rows else 0), len(self._rows)

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    def show(self, rows: list[Row]) -> None:
        """Draw these rows; lines that stay as they are cost nothing."""
        self._rows = rows
        if self._cursor_key is not None:
            places = (n for n, row in enumerate(rows) if row.key == self._cursor_key)
            self._cursor = next(places, self._cursor)
        self.move_to(self._cursor, keep_key=True)

    def move_to(self, row: int, keep_key: bool = False) -> None:
        """Put the cursor on a row, counted from 0; -1 is the last; beyond the ends is the end."""
        last = len(self._rows) - 1
        self._cursor = last if row == -1 else max(0, min(row, last))
        if not keep_key:
            self._cursor_key = self._rows[self._cursor].key if self._rows else None
        height = self._height
        self._top = min(self._top, self._cursor, max(0, len(self._rows) - height))
        self._top = max(self._top, self._cursor - height + 1, 0)
        self._draw_changed()

    def move_by(self, rows: int) -> None:
        """Move the cursor."""
        self.move_to(max(0, self._cursor + rows))

    def move_by_page(self, pages: int) -> None:
        """Move the cursor by what is in view."""
        self.move_by(pages * self._height)

    @property
    def _height(self) -> int:
        return max(1, self.size.height - 1)

    def on_resize(self, event: events.Resize) -> None:
        """Choose the columns anew."""
        self._columns = plan_columns(event.size.width)
        self._lines = []
        self.move_to(self._cursor, keep_key=True)
        self.refresh()

    def _draw_changed(self) -> None:
        lines = [
            (build_cells(row, self._columns, self._ascii_only), self._top + n == self._cursor)
            for n, row in enumerate(self._rows[self._top : self._top + self._height])
        ]
        before, self._lines = self._lines, lines
        for n in range(max(len(before), len(lines))):
            if before[n : n + 1] != lines[n : n + 1]:
                self.refresh(Region(0, n + 1, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Draw one line of the widget; Textual asks for those that were refreshed."""
        base = self.rich_style
        if y == 0:
            return self._join(build_titles(self._columns), base)
        if y > len(self._lines):
            return Strip.blank(self.size.width, base)
        cells, is_current = self._lines[y - 1]
        return self._join(cells, base + CURSOR if is_current else base)

    def _join(self, cells: tuple[Cell, ...], base: Style) -> Strip:
        gap = Segment(" " * gap_of(self.size.width), base)
        segments: list[Segment] = []
        for cell, column in zip(cells, self._columns, strict=True):
            if segments:
                segments.append(gap)
            segments.append(
                Segment(_fit(cell.text, column, self._ascii_only), base + LOOKS[cell.look])
            )
        return Strip(segments).adjust_cell_length(self.size.width, base)


def _fit(text: str, column: Column, ascii_only: bool) -> str:
    """Return text of exactly the column's width; what is cut ends in a sign."""
    length = cell_len(text)
    if length > column.width:
        return set_cell_size(text, column.width - 1) + ("~" if ascii_only else "…")
    room = " " * (column.width - length)
    return room + text if column.right else text + room
