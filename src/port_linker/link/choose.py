"""Which link takes new flows, and why, in words. Pure; `now` is monotonic seconds.

stdio -> quic   QUIC has answered over UDP; or, after trouble, has been well for a while
quic -> stdio   at once when QUIC is not heard, goes by the path of last resort, or is gone
"""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.link.interface import LinkKind

WELL_S = 2.0  # after trouble QUIC must be well so long; chosen: a heartbeat
MAX_WELL_S = 60.0  # each trouble that comes soon after the last doubles it, up to this
CALM_S = 300.0  # after so long without trouble the first wait counts again


@dataclass(frozen=True)
class Choice:
    """kind: the link for new flows. reason: why it is not QUIC, "" if it is."""

    kind: LinkKind
    reason: str


class LinkChooser:
    """Knows what is known of QUIC, and decides."""

    def __init__(self) -> None:
        self._trouble: str | None = "QUIC was not tried yet"
        self._well_since: float | None = None
        self._wait_s = 0.0
        self._must_hold = False
        self._troubled_at: float | None = None
        self._is_relayed = False

    def choose(self, now: float, *, is_stdio_up: bool) -> Choice:
        """Return the choice for now; it may change with time alone, so ask again at each tick."""
        if self._trouble is not None or self._well_since is None:
            return Choice(LinkKind.STDIO, self._trouble or "")
        holds_s = self._wait_s if self._must_hold else 0.0
        if is_stdio_up and now - self._well_since < holds_s:
            return Choice(LinkKind.STDIO, "UDP answers again; it must hold for a while first")
        return Choice(LinkKind.QUIC, "")

    def connected(self, now: float) -> None:
        """The connection is up: QUIC has answered."""
        self._is_relayed = False
        self._recover(now)

    def quiet(self, now: float) -> None:
        """Nothing was heard for 2.5 s."""
        self._worry("nothing is heard over UDP", now)

    def heard(self, now: float) -> None:
        """The peer is heard again; over the path of last resort that is no reason to go back."""
        if not self._is_relayed:
            self._recover(now)

    def path_changed(self, is_relayed: bool, now: float, *, is_stdio_up: bool) -> None:
        """Packets go by the path of last resort, or by UDP again.

        Without the stdio link they go by UDP for want of another way, not because it answered.
        """
        self._is_relayed = is_relayed
        if is_relayed:
            self._worry("UDP does not pass; open flows go over ssh", now)
        elif is_stdio_up:
            self._recover(now)
        elif self._trouble is not None:
            self._trouble = "nothing is heard over UDP"

    def ended(self, reason: str) -> None:
        """The connection, or one of the sidecars, is gone; or an attempt came to nothing."""
        self._is_relayed = False
        self._trouble, self._well_since = reason, None
        self._must_hold = False  # that another attempt succeeds is proof enough

    def _recover(self, now: float) -> None:
        if self._trouble is not None:
            self._trouble = None
            self._well_since = now

    def _worry(self, reason: str, now: float) -> None:
        if self._trouble is None:  # it was well until now
            last = self._troubled_at
            is_soon = last is not None and now - last < CALM_S
            self._wait_s = min(MAX_WELL_S, self._wait_s * 2) if is_soon and self._wait_s else WELL_S
            self._troubled_at = now
            self._must_hold = True
        self._trouble = reason
        self._well_since = None
