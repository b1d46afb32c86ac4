"""What a measurement says, as a table for people and JSON for comparison. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Row:
    """One line of the table.

    figure: what it must reach, in words. value: what was measured, in `unit`. beside: the same
    for others ("ssh -L", "raw"). met: whether the figure is reached; None if there is none.
    """

    what: str
    figure: str
    value: float | str
    unit: str
    met: bool | None
    beside: dict[str, float] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    note: str = ""

    def ratio(self, name: str) -> float | None:
        """Return value / beside[name]."""
        other = self.beside.get(name)
        return self.value / other if other and not isinstance(self.value, str) else None


def median(samples: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(samples))


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the sample below which this share of the others lies."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def number(value: float | str) -> str:
    """Return three figures: 5.31, 24.1, 812."""
    if isinstance(value, str):
        return value
    size = abs(value)
    return f"{value:.2f}" if size < 10 else f"{value:.1f}" if size < 100 else f"{value:,.0f}"


HEAD = ("what", "must reach", "measured", "ssh -L", "raw", "to ssh -L", "")


def cells(row: Row) -> tuple[str, ...]:
    """Return one line of the table."""
    ratio = row.ratio("ssh -L")
    mark = {True: "ok", False: "MISSED", None: ""}[row.met]
    others = [number(row.beside[n]) if n in row.beside else "" for n in ("ssh -L", "raw")]
    shown = f"{number(row.value)} {row.unit}".strip()
    compared = f"{ratio:.2f}" if ratio is not None else ""
    return (row.what, row.figure, shown, *others, compared, f"{mark} {row.note}".strip())


def format_table(rows: Sequence[Row]) -> str:
    """Return the table as Markdown, with columns in line."""
    lines = [HEAD, *map(cells, rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(HEAD))]
    out = [format_line(lines[0], widths), "| " + " | ".join("-" * w for w in widths) + " |"]
    return "\n".join([*out, *(format_line(line, widths) for line in lines[1:])])


def format_line(words: Sequence[str], widths: Sequence[int]) -> str:
    """Return "| a | b |"."""
    padded = (word.ljust(width) for word, width in zip(words, widths, strict=True))
    return "| " + " | ".join(padded) + " |"


def to_json(rows: Sequence[Row], about: dict[str, Any]) -> dict[str, Any]:
    """Return the object that is kept."""
    return {**about, "rows": [asdict(row) for row in rows]}
