"""What stands around the grid: header, path, notice, foot. Each is drawn when it changed."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import App
from textual.content import Content
from textual.widgets import Static

from port_linker.ports.types import ServiceState
from port_linker.session.snapshot import Snapshot
from port_linker.ui.table.dialogs import Dialog
from port_linker.ui.table.filter import FilterLine
from port_linker.ui.table.grid import Grid
from port_linker.ui.text import around, keys, links

SAID_FOR_S = 4.0  # why a key did nothing
MIN_HEIGHT = 12  # of the terminal, for what may be left out
_STYLES = {
    "strong": "bold",
    "dim": "dim",
    "ready": "ansi_green",
    "waiting": "ansi_cyan",
    "down": "bold ansi_yellow",
    "gone": "dim",
}


class Frame:
    """Draws into the own screen's widgets #header, #path, #notice, #empty and #foot."""

    def __init__(
        self,
        app: App[None],
        picture: Snapshot,
        grid: Grid,
        ascii_only: bool,
        has_answer: Callable[[str], bool],
    ) -> None:
        self._app = app
        self._picture = picture
        self._grid = grid
        self._ascii_only = ascii_only
        self._has_answer = has_answer
        self._said = ""
        self._said_until_s = 0.0
        self._drawn: dict[str, str | Content] = {}

    def say(self, text: str, now_s: float) -> None:
        """Show a sentence for a moment, instead of the notice."""
        self._said, self._said_until_s = text, now_s + SAID_FOR_S

    @property
    def is_typing(self) -> bool:
        """Whether a filter is being typed, so that keys are text."""
        return any(line.is_typing for line in self._app.screen_stack[0].query(FilterLine))

    def draw(self, wall_s: float, now_s: float, empty: str, waiting: int = 0) -> None:
        """Draw all parts. empty: why the grid has no rows. waiting: questions that wait."""
        self._set("#header", self._header(wall_s))
        is_high = self._app.size.height >= MIN_HEIGHT
        self._set("#path", around.build_path(self._picture) if is_high else "")
        said = self._said if now_s < self._said_until_s else ""
        notice = said or around.build_notice(self._picture, wall_s)
        asked = around.build_waiting(waiting) if self.is_typing else ""
        self._set("#notice", "\n".join(text for text in (asked, notice) if text))
        self._set("#empty", empty)
        self.draw_foot()

    def draw_foot(self) -> None:
        """Draw the keys that work now, and the place of the cursor."""
        top = self._app.screen
        if isinstance(top, Dialog):
            self._set("#foot", keys.offer(top.foot, self._app.size.width))
            return
        here, count = self._grid.place
        place = f"{here}/{count}" if count else ""
        room = self._app.size.width - len(place) - 2
        offered = keys.offer(keys.FILTER, room) if self.is_typing else self._keys_of_table(room)
        self._set("#foot", f"{offered}  {place}")

    def _keys_of_table(self, room: int) -> str:
        is_filtered = any(line.display for line in self._app.screen_stack[0].query(FilterLine))
        return keys.footer(room, self._idle(is_filtered), is_filtered)

    def _idle(self, is_filtered: bool) -> set[str]:
        """Return the actions that would do nothing now."""
        picture, row = self._picture, self._grid.current
        does = {
            "reconnect": links.why_not_reconnect(picture) is None,
            "filter": bool(picture.rows),
            "toggle_skipped": not is_filtered and bool(picture.counts()[ServiceState.SKIPPED]),
            "detail": row is not None,
            "take_back": row is not None and self._has_answer(row.key),
        }
        return {action for action, does_something in does.items() if not does_something}

    def _header(self, wall_s: float) -> Content:
        width = self._app.size.width
        cells = around.build_header(self._picture, wall_s, width, self._ascii_only)
        parts = [(cell.text, _STYLES.get(cell.look, "")) for cell in cells]
        spaced = [piece for part in parts for piece in (part, ("  ", ""))]
        return Content.assemble(*spaced[:-1])

    def _find(self, name: str) -> Static:
        return self._app.screen_stack[0].query_one(name, Static)

    def _set(self, name: str, text: str | Content) -> None:
        if self._drawn.get(name) == text:
            return
        self._drawn[name] = text
        widget = self._find(name)
        widget.update(Content(text) if isinstance(text, str) else text)
        widget.display = bool(text)
