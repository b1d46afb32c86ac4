"""An outage in words: the line of its begin, the notice meanwhile, the line of its end. Pure."""

from __future__ import annotations

from port_linker.cause import explain
from port_linker.session.events import StateEvent
from port_linker.session.snapshot import Snapshot
from port_linker.ui.format import format_duration, plural
from port_linker.ui.text import links


def tell_begin(event: StateEvent, is_begun: bool) -> str:
    """Return the line of one failed attempt. is_begun: it is the first of this outage."""
    because = f": {event.reason}" if event.reason else ""
    parts = [f"no contact with {event.target}{because}"]
    if is_begun:
        parts.append("local ports stay, open flows wait")
    if event.retry_in_s is not None:
        parts.append(f"next try {_format_wait(event.retry_in_s)}")
    return "; ".join(parts)


def tell_end(event: StateEvent, silent_s: float) -> str:
    """Return the line of the end. silent_s: the length of the outage."""
    flows = event.reason or "open flows go on"
    return f"{event.target} is back after {format_duration(silent_s)}; {flows}"


def build_notice(picture: Snapshot, wall_s: float, outage_s: float) -> str:
    """Return the sentences that stay above the table. outage_s: the length of the outage so far."""
    held = sum(1 for row in picture.rows.values() if row.event.local)
    flows = sum(row.flows_open for row in picture.rows.values())
    because = f" ({explain(picture.cause)})" if picture.cause else ""
    parts = [f"No contact with {picture.target} for {format_duration(outage_s)}{because}."]
    if links.needs_you(picture):
        parts.insert(0, f"{links.NEEDS_YOU}, q quits.")
    else:
        wait = _format_wait(picture.retry_in_s(wall_s) or 0.0)
        parts.append(f"Next try {wait}; r tries at once, q quits.")
    if held:
        parts.append(f"{plural(held, 'service')} paused, local ports stay open.")
    if flows:
        parts.append(f"{plural(flows, 'open flow')} wait, no data is lost.")
    return " ".join(parts)


def _format_wait(seconds: float) -> str:
    return "now" if seconds < 1 else f"in {format_duration(seconds)}"
