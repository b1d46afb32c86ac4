"""How ssh stands while it is gone, in the words that people read. Pure."""

from __future__ import annotations

from port_linker.session.events import LinkEvent, LinkState
from port_linker.session.snapshot import Snapshot
from port_linker.ui import keys

NEEDS_YOU = "ssh needs you: press r"


def find_gone(picture: Snapshot) -> LinkEvent | None:
    """Return the stdio link that was there and is down, or inside QUIC; None if ssh is well."""
    stdio = picture.links.get("stdio")
    if stdio is None or picture.up_since is None:
        return None
    return stdio if stdio.state is LinkState.DOWN or stdio.path is not None else None


def is_gone(picture: Snapshot) -> bool:
    """Whether an attempt to reach the target by ssh makes sense."""
    return find_gone(picture) is not None


def needs_you(picture: Snapshot) -> bool:
    """Whether ssh is not tried again before a person logs in."""
    gone = find_gone(picture)
    return gone is not None and gone.needs_you


def why_not_reconnect(picture: Snapshot) -> str | None:
    """Return why an attempt would be in vain, None if it may be made."""
    return keys.why_disabled("reconnect", picture.state, is_gone(picture))


def tell_gone(picture: Snapshot) -> str:
    """Return a few words for the header, "" if ssh is well or nothing else carries on."""
    gone = find_gone(picture)
    if gone is None:
        return ""
    if gone.needs_you:
        return NEEDS_YOU
    return "ssh over quic" if gone.state is LinkState.UP else "ssh down"
