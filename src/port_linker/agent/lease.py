"""How long the agent may go on without word from the host. Pure; runs on Python 3.9."""

from __future__ import annotations

LEASE_WITH_FLOWS_S = 12 * 3600.0  # a night, so that open flows are there in the morning
LEASE_IDLE_S = 120.0  # nothing to keep: free the target soon


class Lease:
    """Runs from the last word of the host; longer while flows are open."""

    def __init__(self, with_flows_s: float, idle_s: float, now: float) -> None:
        self._with_flows_s = with_flows_s
        self._idle_s = min(idle_s, with_flows_s)
        self._word_at = now

    def renew(self, now: float) -> None:
        """The host was heard."""
        self._word_at = now

    def ends_at(self, flows_open: int) -> float:
        """Return when the lease ends if nothing more is heard."""
        return self._word_at + (self._with_flows_s if flows_open else self._idle_s)

    def is_over(self, flows_open: int, now: float) -> bool:
        """Whether the agent must clean up and exit."""
        return now >= self.ends_at(flows_open)
