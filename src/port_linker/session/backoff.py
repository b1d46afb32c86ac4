"""When the next attempt to connect is due. Pure."""

from __future__ import annotations

DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # then 15 s for ever: a person waits no longer
PAUSE_S = 0.5  # between attempts that take longer than their delay


class Backoff:
    """Counts failed attempts; a success or a sign of a new network begins anew."""

    def __init__(self) -> None:
        self._failures = 0

    def next_delay_s(self, spent_s: float = 0.0) -> float:
        """Return how long to wait before the next attempt, and count it.

        spent_s: how long the last attempt took; a delay is from begin to begin, so that a network
        that is back is found within one delay.
        """
        delay_s = DELAYS_S[min(self._failures, len(DELAYS_S) - 1)]
        self._failures += 1
        return max(delay_s - spent_s, min(delay_s, PAUSE_S))

    def reset(self) -> None:
        """Begin with the first delay again."""
        self._failures = 0
