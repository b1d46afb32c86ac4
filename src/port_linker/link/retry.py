"""When the next attempt to bring QUIC up is due. Pure."""

from __future__ import annotations

# The target does not answer over UDP: most often a firewall, which stays. A new network is noticed
# by other means (RouteChanged), so these may be long.
UNREACHABLE_S = (15.0, 60.0, 300.0)
# A sidecar died, or a connection ended: it may well work at once.
BROKEN_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
STEADY_S = 60.0  # a connection that lived so long was no failure


class QuicRetry:
    """Counts attempts that came to nothing."""

    def __init__(self) -> None:
        self._unreachable = 0
        self._broken = 0

    def next_delay_s(self, fault: str, lived_s: float) -> float:
        """Return the pause after an end. fault: of SidecarFailed. lived_s: how long it was up."""
        if lived_s >= STEADY_S:
            self.reset()
        if fault == "unreachable":
            self._unreachable += 1
            return UNREACHABLE_S[min(self._unreachable, len(UNREACHABLE_S)) - 1]
        self._broken += 1
        return BROKEN_S[min(self._broken, len(BROKEN_S)) - 1]

    def reset(self) -> None:
        """Begin anew: the network is another one, or the agent."""
        self._unreachable = self._broken = 0
