"""Text in a window that is too small for it: lines are wrapped, keys move the view. Pure."""

from __future__ import annotations

from rich.cells import cell_len

KEYS = {
    "up": ("by", -1),
    "k": ("by", -1),
    "down": ("by", 1),
    "j": ("by", 1),
    "pageup": ("page", -1),
    "pagedown": ("page", 1),
    "space": ("page", 1),
    "home": ("to", 0),
    "end": ("to", -1),
}


class Pager:
    """Lines of text and the place of the view in them. follows: it begins and stays at the end."""

    def __init__(self, lines: list[str], follows: bool = False) -> None:
        self._lines = lines
        self._follows = follows
        self._is_at_end = follows
        self._top = 0
        self._wrapped: list[str] = []
        self._height = 1

    def set_lines(self, lines: list[str]) -> None:
        """Show other lines; who reads the end goes on to do so."""
        self._lines = lines

    def view(self, width: int, height: int) -> list[str]:
        """Return the lines in view, none wider than width."""
        self._wrapped = [part for line in self._lines for part in wrap(line, max(1, width))]
        self._height = max(1, height)
        self._top = self._last if self._is_at_end else min(self._top, self._last)
        return self._wrapped[self._top : self._top + self._height]

    @property
    def _last(self) -> int:
        return max(0, len(self._wrapped) - self._height)

    @property
    def can_move(self) -> bool:
        """Whether there is more than the view has room for."""
        return self._last > 0

    @property
    def place(self) -> str:
        """Where the view is: "1-7 of 30", nothing where all of it is in view."""
        if not self.can_move:
            return ""
        end = min(self._top + self._height, len(self._wrapped))
        return f"{self._top + 1}-{end} of {len(self._wrapped)}"

    def press(self, key: str) -> bool:
        """Move as the key says; return whether it is a key that moves."""
        if key not in KEYS:
            return False
        how, much = KEYS[key]
        if how == "to":
            self._top = self._last if much < 0 else 0
        else:
            self._top += much * (self._height if how == "page" else 1)
        self._top = max(0, min(self._top, self._last))
        self._is_at_end = self._follows and self._top == self._last
        return True


def wrap(line: str, width: int) -> list[str]:
    """Return the line in parts that fit, cut at spaces where there are any."""
    parts: list[str] = []
    while cell_len(line) > width:
        head = _head(line, width)
        cut = head.rfind(" ") if line[len(head)] != " " else len(head)
        if cut < 1 or not head[:cut].strip():  # a word that is too long, or nothing but its indent
            cut = len(head)
        parts.append(line[:cut].rstrip())
        line = line[cut:].lstrip() if cut < len(line) else ""
    return [*parts, line] if line or not parts else parts


def _head(line: str, width: int) -> str:
    """Return the first letters of a line that fit, one at least."""
    used = 0
    for place, letter in enumerate(line):
        used += cell_len(letter)
        if used > width:
            return line[: max(1, place)]
    return line
