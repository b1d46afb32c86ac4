"""Lines that say the same again and again: shown at the 1st, 2nd, 4th, 8th time and so on. Pure."""

from __future__ import annotations

from collections import OrderedDict

from port_linker.ui.words import format_clock

MAX_TEXTS = 64  # remembered; the oldest are told anew


class Repeats:
    """Counts texts until clear()."""

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
