"""The picture as cells of a table that is never too small: columns leave by priority. Pure.

Cells are plain text; no markup is ever interpreted, and the caller cuts them to their width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from port_linker.model import clean_text
from port_linker.ports.types import ServiceState
from port_linker.session.events import ServiceEvent
from port_linker.session.snapshot import Row, Snapshot
from port_linker.ui.format import Cell, format_bytes, format_rate
from port_linker.ui.text import names

MIN_WIDTH = 40
WIDE = 115  # from here on all columns fit two apart; one apart they do from 107 on


@dataclass(frozen=True)
class Column:
    """One column. width: what it has, grows to most if there is room; right: figures.

    spare: what the others must be able to grow by before this one is shown.
    """

    name: str
    title: str
    width: int
    most: int
    right: bool = False
    spare: int = 0


# What PROCESS grows by before another column is shown: to 16 characters, enough for
# "http.server 8000", "uvicorn app:main", "systemd-resolve" and "of postgres".
_NAMED = 8
_REASONED = 4  # and then HERE: to 19, for the beginning of a reason
# In the order of importance; the first four fill 40 columns exactly (1 + 9 + 12 + 15, three gaps).
_BY_PRIORITY = (
    Column("sign", "", 1, 1),
    Column("service", "SERVICE", 9, 9),  # "65535/tcp"
    Column("process", "PROCESS", 8, 24),  # 12 at least where there are 40 columns
    Column("here", "HERE", 15, 400),  # "localhost:65535", or why not; takes what is left
    Column("state", "STATE", 8, 8, spare=_NAMED + _REASONED),  # "conflict"
    Column("remote", "TARGET", 15, 26, spare=_NAMED + _REASONED),  # "127.0.0.1:65535"
    Column("flows", "FLOWS", 5, 5, right=True, spare=_NAMED + _REASONED),
    Column("total", "TOTAL", 7, 7, right=True, spare=_NAMED + _REASONED),
    Column("rates", "DOWN       UP", 17, 17, right=True, spare=14),  # "1.2 MB/s 999 kB/s"
)
_SEARCHED = ("state", "service", "process", "remote", "here")
_ORDER = ("sign", "state", "service", "process", "rates", "total", "flows", "remote", "here")


def gap_of(width: int) -> int:
    """Return how far columns stand apart."""
    return 2 if width >= WIDE else 1


def plan_columns(width: int) -> tuple[Column, ...]:
    """Return the columns that fit into width, in the order of display; together they fill it."""
    gap = gap_of(width)
    chosen: list[Column] = []
    room = width + gap
    for column in _BY_PRIORITY:
        if column.width + gap + column.spare > room:
            break
        chosen.append(column)
        room -= column.width + gap
    return _widen(sorted(chosen, key=lambda column: _ORDER.index(column.name)), room)


def _widen(columns: list[Column], room: int) -> tuple[Column, ...]:
    """Share the room that is left: names first, of the rest a third to addresses, then HERE."""
    for place, column in enumerate(columns):
        wishes = {
            "process": max(_NAMED, room // 2),
            "remote": max(0, room - _REASONED) // 3,
            "here": room,
        }
        more = max(0, min(column.most - column.width, room, wishes.get(column.name, 0)))
        columns[place] = replace(column, width=column.width + more)
        room -= more
    return tuple(columns)


def choose_rows(picture: Snapshot, wanted: str, show_skipped: bool) -> list[Row]:
    """Return the rows to show, by port, then protocol and address.

    wanted: words that must all occur in what is shown of a row or in its details, except figures,
    which change all the time; where it is given, skipped rows are searched too.
    """
    needles = wanted.lower().split()
    rows = [
        row
        for row in picture.rows.values()
        if (show_skipped or needles or row.state is not ServiceState.SKIPPED)
        and _contains(row, needles)
    ]
    return sorted(rows, key=lambda row: (row.event.port, row.event.proto, row.event.remote))


def _contains(row: Row, needles: list[str]) -> bool:
    if not needles:
        return True
    event = row.event
    shown = (_BUILDERS[name](row, True).text for name in _SEARCHED)
    names = (event.process, event.container, event.unit, event.user, event.command, event.reason)
    text = "\n".join((*shown, *event.local, *(name for name in names if name))).lower()
    return all(needle in text for needle in needles)


def build_cells(row: Row, columns: tuple[Column, ...], ascii_only: bool) -> tuple[Cell, ...]:
    """Return the row's cells, one per column, cleaned of what a terminal would obey."""
    return tuple(_clean(_BUILDERS[column.name](row, ascii_only)) for column in columns)


def build_titles(columns: tuple[Column, ...]) -> tuple[Cell, ...]:
    """Return the cells of the line above the rows."""
    return tuple(Cell(column.title, "dim") for column in columns)


def _clean(cell: Cell) -> Cell:
    return Cell(clean_text(cell.text), cell.look)


def _sign(row: Row, ascii_only: bool) -> Cell:
    signs = names.LETTERS if ascii_only else names.SYMBOLS
    return Cell(signs[row.state], row.state.value)


def _here(row: Row, ascii_only: bool) -> Cell:
    """Return where to connect, or why that is not possible, or both."""
    del ascii_only
    event = row.event
    place = names.format_local(event.local)
    if event.state is ServiceState.READY:
        text = f"{place} ({event.reason})" if event.reason else place
        return Cell(text, "strong" if row.remapped else "")
    reason = event.reason or event.state.value
    return Cell(f"{place} {reason}".strip(), event.state.value)


def _is_moving(row: Row) -> str:
    return "" if row.flows_open else "dim"


_BUILDERS: dict[str, Callable[[Row, bool], Cell]] = {
    "sign": _sign,
    "state": lambda row, _: Cell(row.state.value, row.state.value),
    "service": lambda row, _: Cell(f"{row.event.port}/{row.event.proto}", _fade(row.event)),
    "process": lambda row, _: Cell(names.name_process(row.event), _fade(row.event)),
    "remote": lambda row, _: Cell(row.event.remote, _fade(row.event)),
    "here": _here,
    "rates": lambda row, _: Cell(_rates(row)),
    "flows": lambda row, _: Cell(str(row.flows_open or ""), _is_moving(row)),
    "total": lambda row, _: Cell(_total(row), "dim"),
}


def _rates(row: Row) -> str:
    down, up = format_rate(row.down_rate), format_rate(row.up_rate)
    return f"{down:>8} {up:>8}"


def _total(row: Row) -> str:
    moved = row.up_bytes + row.down_bytes
    return format_bytes(moved) if moved else ""


def _fade(event: ServiceEvent) -> str:
    return "dim" if event.state in (ServiceState.SKIPPED, ServiceState.GONE) else ""
