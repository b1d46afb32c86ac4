"""How many bytes one direction of a flow may have under way, and who may grow. Pure.

The receiver grants credit. A flow starts small, doubles its window each time its reader has kept
up with a whole one, and gives back when its reader falls behind, so that stalled flows hold little
of the shared budget and never slow a neighbour.
"""

from __future__ import annotations

FIRST_CREDIT_BYTES = 16 * 1024  # what an opener may send before any word from the other side
FEW_CREDIT_BYTES = 4 * 1024  # the same past MANY_FLOWS, so that 2,000 flows hold 8 MiB
MANY_FLOWS = 512
MAX_WINDOW_BYTES = 4 * 1024 * 1024  # 160 ms at 200 Mbit/s
REPLY_WINDOW_BYTES = 128 * 1024  # a first window for replies while the budget is free
UPLOAD_WINDOW_BYTES = 128 * 1024  # the same for what the opener sends
MAX_GRANT_BYTES = 1 << 30  # a peer that grants one flow more is broken
BUDGET_BYTES = 16 * 1024 * 1024  # all windows of one end together


def first_credit(flows_open: int) -> int:
    """Return what the opener of one more flow may send at once, in bytes."""
    return FIRST_CREDIT_BYTES if flows_open < MANY_FLOWS else FEW_CREDIT_BYTES


class Budget:
    """What all receiving windows of one end may hold together, in bytes."""

    def __init__(self, limit_bytes: int = BUDGET_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0

    def take(self, wanted_bytes: int) -> int:
        """Return how much a reader that keeps up may grow: at most a quarter of what is left."""
        return self._take(wanted_bytes, (self.limit_bytes - self.used_bytes) // 4)

    def take_unearned(self, wanted_bytes: int) -> int:
        """Return how much a new flow gets in advance: half the budget is for readers only."""
        return self._take(wanted_bytes, (self.limit_bytes // 2 - self.used_bytes) // 8)

    def _take(self, wanted_bytes: int, most_bytes: int) -> int:
        granted = max(0, min(wanted_bytes, most_bytes))
        self.used_bytes += granted
        return granted

    def force(self, bytes_: int) -> None:
        """Take what cannot be refused (a flow's first credit)."""
        self.used_bytes += bytes_

    def give(self, bytes_: int) -> None:
        """Give back what a flow no longer holds."""
        self.used_bytes -= bytes_


class ReceiveWindow:
    """One receiving direction: what was granted, and when to grant more."""

    def __init__(self, budget: Budget, first_bytes: int) -> None:
        self._budget = budget
        self.floor_bytes = first_bytes
        self.window_bytes = first_bytes
        self.outstanding_bytes = first_bytes  # granted and not consumed yet
        self.unread_bytes = 0  # arrived and not consumed yet
        self._since_growth = 0
        self._since_grant = 0
        budget.force(first_bytes)

    def arrived(self, count: int) -> bool:
        """Count bytes that came in; False if the sender went past its credit."""
        self.unread_bytes += count
        return self.unread_bytes <= self.outstanding_bytes

    def consumed(self, count: int) -> int:
        """Count bytes that the reader took; return the credit to grant now (0: not yet)."""
        self.unread_bytes -= count
        self.outstanding_bytes -= count
        self._since_growth += count
        self._since_grant += count
        self._adapt()
        missing = self.window_bytes - self.outstanding_bytes
        # A short request is answered before its credit matters: a grant would only be in the way.
        if missing * 2 < self.window_bytes or self._since_grant * 2 < self.floor_bytes:
            return 0
        self._since_grant = 0
        self.outstanding_bytes += missing
        return missing

    def widen(self, wanted_bytes: int) -> None:
        """Take room for a window of wanted_bytes; it is granted when the first credit is used."""
        self.window_bytes += self._budget.take_unearned(max(0, wanted_bytes - self.window_bytes))

    def grant_all(self) -> int:
        """Count the whole window as granted, and return it (it travels with the opening)."""
        self.outstanding_bytes = self.window_bytes
        return self.window_bytes

    def close(self) -> None:
        """Give the window back to the budget."""
        self._budget.give(self.window_bytes)
        self.window_bytes = 0

    def _adapt(self) -> None:
        if self._since_growth < self.window_bytes:
            return  # decide once a window, so that one full socket buffer is no verdict
        self._since_growth = 0
        if self.unread_bytes == 0:
            double = min(self.window_bytes, MAX_WINDOW_BYTES - self.window_bytes)
            self.window_bytes += self._budget.take(double)
        elif self.unread_bytes * 2 >= self.window_bytes:
            smaller = max(self.floor_bytes, self.window_bytes // 2)
            self._budget.give(self.window_bytes - smaller)
            self.window_bytes = smaller
