"""When the next attempt to connect is due. Pure."""

from __future__ import annotations

DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # then 15 s for ever: a person waits no longer


class Backoff:
    """Counts failed attempts; a success or a sign of a new network begins anew."""

    def __init__(self) -> None:
        self._failures = 0

    def next_delay_s(self) -> float:
        """Return how long to wait before the next attempt, and count it."""
        delay_s = DELAYS_S[min(self._failures, len(DELAYS_S) - 1)]
        self._failures += 1
        return delay_s

    def reset(self) -> None:
        """Begin with the first delay again."""
        self._failures = 0
