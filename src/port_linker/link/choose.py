"""Which link takes new flows, and why, in words. Pure; `now` is monotonic seconds.

stdio -> quic   QUIC has answered over UDP; or, after trouble, has been well for a while
quic -> stdio   at once when what either side sends by QUIC is not acknowledged, when it goes by the
                path of last resort, or is gone

Where there is no other link nothing has to prove itself: QUIC is taken with its first answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.cause import HOLDING, NOT_TRIED, RELAYED, SILENT, Cause
from port_linker.link.interface import LinkKind

WELL_S = 2.0  # after trouble QUIC must be well so long; chosen: a heartbeat
MAX_WELL_S = 60.0  # each trouble that comes soon after the last doubles it, up to this
CALM_S = 300.0  # after so long without trouble the first wait counts again


@dataclass(frozen=True)
class Choice:
    """kind: the link for new flows. cause: why it is not QUIC, None if it is."""

    kind: LinkKind
    cause: Cause | None = None


class LinkChooser:
    """Knows what is known of QUIC, and decides."""

    def __init__(self) -> None:
        self._trouble: Cause | None = Cause(NOT_TRIED)
        self._well_since: float | None = None
        self._wait_s = 0.0
        self._must_hold = False
        self._troubled_at: float | None = None
        self._is_relayed = False
        self._quiet: set[bool] = set()  # whose packets lack acknowledgements: the peer's, ours

    def choose(self, now: float, *, is_stdio_up: bool) -> Choice:
        """Return the choice for now; it may change with time alone, so ask again at each tick."""
        if self._trouble is not None or self._well_since is None:
            return Choice(LinkKind.STDIO, self._trouble)
        holds_s = self._wait_s if self._must_hold else 0.0
        if is_stdio_up and now - self._well_since < holds_s:
            return Choice(LinkKind.STDIO, Cause(HOLDING))
        self._must_hold = False  # flows are there: ssh that comes back is no reason to move them
        return Choice(LinkKind.QUIC)

    def connected(self, now: float) -> None:
        """The connection is up: QUIC has answered."""
        self._is_relayed = False
        self._quiet.clear()
        self._recover(now)

    def note(self, is_quiet: bool, now: float, *, is_peers: bool = False) -> None:
        """Take `quiet` or `heard`."""
        if is_quiet:
            self.quiet(now, is_peers=is_peers)
        else:
            self.heard(now, is_peers=is_peers)

    def quiet(self, now: float, *, is_peers: bool = False) -> None:
        """What we sent lately is not acknowledged; or the peer says so of its packets."""
        self._quiet.add(is_peers)
        if not self._is_relayed:
            self._worry(Cause(SILENT), now)

    def heard(self, now: float, *, is_peers: bool = False) -> None:
        """Packets are acknowledged again; by the path of last resort that proves nothing of UDP."""
        self._quiet.discard(is_peers)
        if not self._is_relayed and not self._quiet:
            self._recover(now)

    def path_changed(self, is_relayed: bool, now: float, *, is_stdio_up: bool) -> None:
        """Packets go by the path of last resort, or by UDP again.

        Without the stdio link they go by UDP for want of another way, not because it answered.
        """
        self._is_relayed = is_relayed
        self._quiet.discard(True)  # the peer said it of the other way
        if is_relayed:
            self._worry(Cause(RELAYED), now)
        elif is_stdio_up and not self._quiet:
            self._recover(now)
        elif self._trouble is not None:
            self._trouble = Cause(SILENT)  # until `heard`

    def ended(self, cause: Cause) -> None:
        """The connection, or one of the sidecars, is gone; or an attempt came to nothing."""
        self._is_relayed = False
        self._quiet.clear()
        self._trouble, self._well_since = cause, None
        self._must_hold = False  # that another attempt succeeds is proof enough

    def _recover(self, now: float) -> None:
        if self._trouble is not None:
            self._trouble = None
            self._well_since = now

    def _worry(self, cause: Cause, now: float) -> None:
        if self._trouble is None:  # it was well until now
            last = self._troubled_at
            is_soon = last is not None and now - last < CALM_S
            self._wait_s = min(MAX_WELL_S, self._wait_s * 2) if is_soon and self._wait_s else WELL_S
            self._troubled_at = now
            self._must_hold = True
        self._trouble = cause
        self._well_since = None
