"""Lines over time: what happened, for whoever asks later, and what repeats. Pure.

Both count a line that comes again instead of showing it again. Both are bounded: the oldest lines
are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from port_linker.model import clean_text
from port_linker.session.events import SessionEvent
from port_linker.ui.format import format_clock
from port_linker.ui.text.lines import LineWriter

MAX_ENTRIES = 500
MAX_CHARS = 600
MAX_TEXTS = 64  # remembered; the oldest are told anew


@dataclass(frozen=True)
class Entry:
    """One line. at: when it was last said; since: when at first; seconds since 1970."""

    text: str
    at: float
    since: float
    count: int

    def __str__(self) -> str:
        line = f"{format_clock(self.at)} {clean_text(self.text, MAX_CHARS)}"
        if self.count == 1:
            return line
        return f"{line} ({self.count} times since {format_clock(self.since)})"


class Journal:
    """Folds events in; lines() are the newest last."""

    def __init__(self, ascii_only: bool = False) -> None:
        self._writer = LineWriter(ascii_only, is_policy_set=True)  # hints are for the first minute
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def take(self, event: SessionEvent) -> None:
        """Remember what the event says to a person, if it says anything."""
        for line in self._writer.describe(event):
            self._add(f"{line.sign} {line.text}".strip(), event.at)

    def _add(self, text: str, at: float) -> None:
        before = self._entries.pop(text, None)
        since, count = (at, 0) if before is None else (before.since, before.count)
        self._entries[text] = Entry(text, at, since, count + 1)
        if len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)

    def lines(self) -> list[str]:
        """Return what is remembered."""
        count = self._writer.count_left_out()
        found = [str(entry) for entry in self._entries.values()]
        return [*found, *([count] if count else [])] or ["Nothing has happened yet."]


class Repeats:
    """Counts lines until clear(): each is shown at the 1st, 2nd, 4th, 8th time and so on."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def take(self, text: str, at: float) -> str | None:
        """Return the line to show, with its number; None for one that was shown often enough."""
        count, since = self._seen.pop(text, (0, at))
        count += 1
        self._seen[text] = (count, since)
        if len(self._seen) > MAX_TEXTS:
            self._seen.popitem(last=False)
        if count == 1:
            return text
        is_due = count & (count - 1) == 0
        return f"{text} ({count} times since {format_clock(since)})" if is_due else None

    def clear(self) -> None:
        """Tell everything anew: something else has happened."""
        self._seen.clear()
