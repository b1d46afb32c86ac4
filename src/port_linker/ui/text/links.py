"""What the links do: a line per change that a person needs, and how ssh and QUIC are now. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from port_linker.cause import NO_TUNNEL, NOT_TRIED
from port_linker.link.figures import OVER_QUIC, OVER_SSH
from port_linker.session.events import LinkEvent, LinkState
from port_linker.session.snapshot import Snapshot
from port_linker.ui.format import format_loss, format_rates, format_rtt
from port_linker.ui.text import keys

QUIC = "quic"
STDIO = "stdio"
NEEDS_YOU = "ssh needs you: press r"


@dataclass
class LinkWriter:
    """Knows how each link stood last.

    is_quic_demanded: the session ends without QUIC, and says why.
    """

    verbosity: int = 0
    is_quic_demanded: bool = False
    _links: dict[str, LinkEvent] = field(default_factory=dict)
    _is_refusal_told: bool = False

    def describe(self, event: LinkEvent) -> list[str]:
        """Return the lines of one event, often none."""
        before = self._links.get(event.link)
        self._links[event.link] = event
        if before is not None and before.state is event.state and before.cause == event.cause:
            return self._describe_figures(before, event)
        if event.link != QUIC and (event.path == OVER_QUIC or event.needs_you):
            return [self._describe_ssh(event)]
        if event.link == QUIC and event.state is LinkState.DOWN and event.cause:
            if before is not None and before.path is not None and event.path is None:
                return [self._describe_end(event)]
            if self._is_refusal(event):
                self._is_refusal_told = True
                over = name_stdio(event.target)
                return [f"QUIC is not used: {event.reason}; everything goes over {over}"]
        if self.verbosity == 0 and self._is_half_told(event):
            return []
        was_up = before is not None and before.state is LinkState.UP
        if self.verbosity == 0 and event.state is not LinkState.UP and not was_up:
            return []  # an attempt, or the end of one: nothing that a person had is missing
        if event.state is LinkState.UP and event.link == QUIC:
            self._is_refusal_told = True  # from now on its end is told
        because = f": {event.reason}" if event.reason else ""
        is_doing = "is tried" if event.state is LinkState.TRYING else f"is {event.state}"
        is_up = event.state is LinkState.UP
        facts = "".join(f", {fact}" for fact in describe_path(event)) if is_up else ""
        return [f"link {event.link} {is_doing}{facts}{because}"]

    def _is_refusal(self, event: LinkEvent) -> bool:
        """Whether this is the first that is heard of QUIC, and the user may have counted on it."""
        if self._is_refusal_told or self.is_quic_demanded or not is_ssh(event.target):
            return False
        # ssh alone, without the sidecar, is a normal way to use it
        return event.cause is None or event.cause.code not in (NO_TUNNEL, NOT_TRIED)

    def _is_half_told(self, event: LinkEvent) -> bool:
        """Whether ssh went while QUIC is up: a moment later it is known whether QUIC carries its
        link, which is told as one line, and if not the session warns of it.
        """
        quic = self._links.get(QUIC)
        is_quic_up = quic is not None and quic.state is LinkState.UP
        return is_quic_up and event.link != QUIC and event.state is LinkState.DOWN

    def _describe_ssh(self, event: LinkEvent) -> str:
        """Return how ssh stands while it is gone."""
        is_carried = event.path == OVER_QUIC
        meanwhile = "; QUIC carries its link, too" if is_carried else ""
        needed = "; it needs you and is not tried again by itself" if event.needs_you else ""
        return f"ssh is gone ({event.reason}){meanwhile}{needed}"

    def _describe_end(self, event: LinkEvent) -> str:
        """Return what the end of a connection that was there means to its flows."""
        stdio = self._links.get("stdio")
        is_dark = stdio is not None and stdio.state is LinkState.DOWN
        new = "wait" if is_dark else f"go over {name_stdio(event.target)}"
        return f"QUIC stopped ({event.reason}); its connections were reset, new ones {new}"

    def _describe_figures(self, before: LinkEvent, event: LinkEvent) -> list[str]:
        """Return the figures when they are known at first and when the path is another one.

        The curious read all of them.
        """
        facts = describe_path(event)
        is_first = event.mtu is not None and before.mtu is None
        if not facts or not (is_first or before.path != event.path or self.verbosity):
            return []
        rates = format_rates(event.up_bytes_per_s or 0.0, event.down_bytes_per_s or 0.0)
        return [f"link {event.link}: " + ", ".join([*facts, *([rates] if rates else [])])]


def describe_path(event: LinkEvent) -> list[str]:
    """Return path, MTU, round trip and loss of a QUIC link, as far as known."""
    facts = []
    if event.path is not None:
        over = {OVER_SSH: "over ssh", OVER_QUIC: "over quic"}
        facts.append(over.get(event.path, f"UDP {event.path}"))
    if event.mtu is not None:
        facts.append(f"MTU {event.mtu}")
    if event.rtt_ms is not None:
        facts.append(f"round trip {format_rtt(event.rtt_ms)}")
    if event.loss_percent is not None:
        facts.append(format_loss(event.loss_percent))
    return facts


def is_ssh(target: str) -> bool:
    """Whether the target is reached by ssh, so that QUIC may be possible at all."""
    return not target.startswith(("docker:", "exec:"))


def name_stdio(target: str) -> str:
    """Return what the stdio link runs over, for a sentence."""
    return "ssh" if is_ssh(target) else "the stdio link"


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
