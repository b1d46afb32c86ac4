"""The keys of the table. Pure. Lower-case, and never moved between releases."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from port_linker.session.events import SessionState


@dataclass(frozen=True)
class Key:
    """One key. action: the name that the table binds it to.

    word: for the line at the foot ("" leaves it out); description: for the help.
    """

    key: str
    action: str
    word: str
    description: str
    shown: str = ""

    @property
    def label(self) -> str:
        """How the key is written for people."""
        return self.shown or self.key


KEYS = (
    Key("q", "leave", "quit", "end the session (Ctrl-C does so too)"),
    Key("r", "reconnect", "reconnect", "try to reach the target at once"),
    Key("slash", "filter", "filter", "show the rows that contain a word; Esc shows all", "/"),
    Key("s", "toggle_skipped", "skipped", "show or hide services that are left out"),
    Key("enter", "detail", "detail", "all that is known of one service", "Enter"),
    Key("l", "log", "log", "what happened, and when"),
    Key("u", "take_back", "undo", "take back what you answered about this service"),
    Key("question_mark", "help", "help", "this list", "?"),
    Key("escape", "end_filter", "", "close what is open; end the filter", "Esc"),
    Key("up", "move(-1)", "", "one row up (also k)", "↑"),
    Key("down", "move(1)", "", "one row down (also j)", "↓"),
    Key("k", "move(-1)", "", ""),
    Key("j", "move(1)", "", ""),
    Key("pageup", "page(-1)", "", "one screen up", "PgUp"),
    Key("pagedown", "page(1)", "", "one screen down", "PgDn"),
    Key("ctrl+l", "redraw", "", "draw the screen anew", "Ctrl-L"),
    Key("home", "jump(0)", "", "first row", "Home"),
    Key("end", "jump(-1)", "", "last row", "End"),
)


def help_lines() -> list[str]:
    """Return one line per key that has a description."""
    told = [key for key in KEYS if key.description]
    width = max(len(key.label) for key in told)
    return [f"{key.label:<{width}}  {key.description}" for key in told]


Offers = tuple[tuple[str, str], ...]  # keys and what they do, the most important ones first
SCROLL: Offers = (("↑↓", "scroll"),)
FILTER: Offers = (("Enter", "keep"), ("Esc", "show all"))


def offer(offers: Offers, width: int) -> str:
    """Return as many keys as fit."""
    told = [f"{key} {word}".strip() for key, word in offers]
    while len(told) > 1 and len("  ".join(told)) > width:
        told.pop()
    return "  ".join(told)[:width]


def footer(width: int, idle: Collection[str] = (), is_filtered: bool = False) -> str:
    """Return as many keys as fit, in order of KEYS; help is always among them.

    idle: actions that would do nothing now. is_filtered: a filter was kept, which one may want to
    end.
    """
    told = [f"{key.label} {key.word}" for key in KEYS if key.word and key.action not in idle]
    last = "? help"
    told.remove(last)
    if is_filtered:
        told.insert(1, " ".join(FILTER[-1]))
    text = last
    for count in range(len(told), -1, -1):
        text = "  ".join([*told[:count], last])
        if len(text) <= width:
            break
    return text


def why_disabled(action: str, state: SessionState, is_ssh_gone: bool = False) -> str | None:
    """Return why a key does nothing now, None if it does something."""
    if action == "reconnect" and is_ssh_gone and state is not SessionState.CLOSED:
        return None
    if action == "reconnect" and state in (SessionState.UP, SessionState.REATTACHED):
        return "The target is connected; there is nothing to reconnect."
    if action == "reconnect" and state in (SessionState.CONNECTING, SessionState.DEPLOYING):
        return "The target is being reached already."
    if action == "reconnect" and state is SessionState.CLOSED:
        return "The session is over."
    return None
