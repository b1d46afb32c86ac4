"""Whether a stream may carry colour, and which one stands for which state. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from port_linker.ports.types import ServiceState

_SGR = {
    ServiceState.READY: "32",  # green
    ServiceState.WAITING: "36",  # cyan
    ServiceState.CONFLICT: "31",  # red
    ServiceState.SKIPPED: "2",  # dim
    ServiceState.DOWN: "33",  # yellow
    ServiceState.GONE: "2",
}


def is_colour_wanted(is_terminal: bool, environ: Mapping[str, str], no_color: bool) -> bool:
    """Return whether one stream gets colour; each stream is asked for alone.

    no_color: the flag of that name. Source of NO_COLOR: no-color.org, "when present and not an
    empty string".
    """
    off = no_color or bool(environ.get("NO_COLOR")) or environ.get("TERM", "") in ("", "dumb")
    return is_terminal and not off


def paint(text: str, state: ServiceState | None, coloured: bool) -> str:
    """Return the text in the colour of the state, if colour is wanted."""
    if not coloured or state is None:
        return text
    return f"\x1b[{_SGR[state]}m{text}\x1b[0m"
