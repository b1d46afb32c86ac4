"""How often to scan: as often as it stays cheap. Pure; runs on Python 3.9."""

from __future__ import annotations

MIN_PERIOD_S = 0.1  # a new service is found 50 ms after its listen() on average
MAX_PERIOD_S = 5.0
COST_FACTOR = 100.0  # a scan may take 1 % of one core
_WEIGHT = 0.2  # of a new cost in the average
_JUMP_FACTOR, _JUMP_S = 3.0, 0.000_5  # what one scan may seem to cost more than the average


class ScanPeriod:
    """Turns the costs of scans into the time between them. Knows no clock."""

    def __init__(self) -> None:
        self.cost_s = 0.0  # of a scan, smoothed; 0 before the first, which costs far more

    @property
    def period_s(self) -> float:
        """Seconds from the start of one scan to the start of the next."""
        return min(max(MIN_PERIOD_S, COST_FACTOR * self.cost_s), MAX_PERIOD_S)

    def add_cost(self, cost_s: float) -> None:
        """Take in what a scan cost. A hiccup counts little; a lasting change arrives in a few."""
        counted = min(cost_s, _JUMP_FACTOR * self.cost_s + _JUMP_S)
        self.cost_s += _WEIGHT * (counted - self.cost_s)
