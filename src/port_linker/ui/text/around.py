"""The text around the table: header, path, notice, why it is empty, details of a row. Pure."""

from __future__ import annotations

from port_linker.cause import NOT_TRIED, explain
from port_linker.model import clean_text
from port_linker.ports.types import ServiceState
from port_linker.session.events import LinkState, SessionState
from port_linker.session.snapshot import Row, Snapshot
from port_linker.ui.format import (
    Cell,
    format_bytes,
    format_duration,
    format_rate,
    format_rates,
    format_rtt,
    plural,
)
from port_linker.ui.text import links, outage

MAX_SENTENCE_CHARS = 400
UNSEEN = "not known: on the target only its owner or root may look"
_COUNTED = (
    ServiceState.READY,
    ServiceState.CONFLICT,
    ServiceState.WAITING,
    ServiceState.DOWN,
    ServiceState.SKIPPED,
)
_LOOKS = {
    SessionState.UP: "ready",
    SessionState.REATTACHED: "ready",
    SessionState.OUTAGE: "down",
    SessionState.CLOSED: "gone",
}
_SIGNS = {"ready": "●", "down": "○", "gone": "×"}  # noqa: RUF001 - the sign is meant


def build_header(picture: Snapshot, wall_s: float, width: int, ascii_only: bool) -> list[Cell]:
    """Return the parts of the header that fit, the most important ones first."""
    parts = [Cell(clean_text(picture.target), "strong"), _state_part(picture, ascii_only)]
    parts += _link_parts(picture)
    counts = picture.counts()
    told = [f"{counts[state]} {state.value}" for state in _COUNTED if counts[state]]
    parts += [Cell(text) for text in told]
    moving = format_rates(*picture.rates())
    if moving:
        parts.append(Cell(moving))
    uptime_s, outage_s = picture.uptime_s(wall_s), picture.outage_s(wall_s)
    if outage_s is not None:
        parts.insert(2, Cell(f"no contact for {format_duration(outage_s)}", "down"))
    elif uptime_s is not None:
        parts.append(Cell(f"for {format_duration(uptime_s)}", "dim"))
    return _fit(parts, width)


def _fit(parts: list[Cell], width: int) -> list[Cell]:
    """Return the parts that fit; a later one that is short may stay where a long one left."""
    fitting = parts[:1]
    room = width - len(parts[0].text)
    for part in parts[1:]:
        if len(part.text) + 2 <= room:
            fitting.append(part)
            room -= len(part.text) + 2
    return fitting


def _state_part(picture: Snapshot, ascii_only: bool) -> Cell:
    look = _LOOKS.get(picture.state, "waiting")
    sign = "" if ascii_only else _SIGNS.get(look, "◌") + " "
    return Cell(sign + picture.state.value, look)


def _link_parts(picture: Snapshot) -> list[Cell]:
    if picture.link is None:
        trying = [name for name, link in picture.links.items() if link.state is LinkState.TRYING]
        return [Cell(f"trying {trying[0]}", "dim")] if trying else []
    rtt_ms = picture.rtt_ms
    told = links.tell_gone(picture)
    return [
        *([Cell(told, "down")] if told else []),
        Cell(picture.link if rtt_ms is None else f"{picture.link} {format_rtt(rtt_ms)}"),
    ]


def build_path(picture: Snapshot) -> str:
    """Return where QUIC's packets go and how they fare, or why there are none; may be empty."""
    quic = picture.links.get("quic")
    if quic is None or quic.state is LinkState.TRYING:
        return ""
    if quic.state is LinkState.DOWN:
        is_known = quic.cause is not None and quic.cause.code != NOT_TRIED
        return clean_text(f"quic not used: {quic.reason}", MAX_SENTENCE_CHARS) if is_known else ""
    return clean_text("  ".join(links.describe_path(quic)), MAX_SENTENCE_CHARS)


def build_notice(picture: Snapshot, wall_s: float) -> str:
    """Return what needs to be said now, in words; empty when all is well."""
    outage_s = picture.outage_s(wall_s)
    if outage_s is not None:
        return clean_text(outage.build_notice(picture, wall_s, outage_s), MAX_SENTENCE_CHARS)
    if links.needs_you(picture):
        because = picture.links["stdio"].reason
        return clean_text(f"{links.NEEDS_YOU} ({because}).", MAX_SENTENCE_CHARS)
    if picture.state is SessionState.CLOSED:
        return clean_text(f"Closed. {explain(picture.cause)}".strip(), MAX_SENTENCE_CHARS)
    if picture.state in (SessionState.CONNECTING, SessionState.DEPLOYING):
        return clean_text(f"Reaching {picture.target}...", MAX_SENTENCE_CHARS)
    return ""


def build_waiting(count: int) -> str:
    """Return that questions wait until the filter is typed; empty if there are none."""
    if not count:
        return ""
    waits = "waits" if count == 1 else "wait"
    return f"{plural(count, 'question')} {waits}: Enter or Esc ends the filter first."


def explain_empty(picture: Snapshot, wanted: str, show_skipped: bool) -> str:
    """Return why the table has no rows."""
    if wanted:
        return f"Nothing contains {wanted!r}. Esc shows all."
    skipped = picture.counts()[ServiceState.SKIPPED]
    if skipped and not show_skipped:
        return f"{plural(skipped, 'service')} skipped; s shows them."
    if picture.state is SessionState.UP:
        return "No services yet. They appear here as they start."
    return ""


def detail_lines(row: Row, wall_s: float) -> list[str]:
    """Return all that is known of one service, cleaned, one fact per line."""
    event = row.event
    pid = "" if event.pid is None else f" (pid {event.pid})"
    age = format_duration(wall_s - row.since)
    facts = [
        ("service", f"{event.port}/{event.proto}"),
        ("state", f"{event.state.value} for {age}"),
        ("reason", event.reason),
        ("target", ", ".join(event.addresses) or event.remote),
        ("here", ", ".join(event.local)),
        ("process", f"{event.process}{pid}" if event.process else pid.strip(" ()") or UNSEEN),
        ("user", event.user),
        ("container", event.container),
        ("unit", event.unit),
        ("command", event.command),
        ("to target", f"{format_bytes(row.up_bytes)} {format_rate(row.up_rate)}"),
        ("from there", f"{format_bytes(row.down_bytes)} {format_rate(row.down_rate)}"),
        ("flows", f"{row.flows_open} open, {row.flows_total} in all, {row.refused} refused"),
    ]
    return [f"{name:<10} {clean_text(str(text), 1100)}".rstrip() for name, text in facts if text]
