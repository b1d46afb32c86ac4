"""Windows grow with a reader that keeps up and share one budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from port_linker.mux import credits as cr


def read_all(window: cr.ReceiveWindow, rounds: int) -> None:
    """A reader that takes at once what the sender may send."""
    credit = window.outstanding_bytes
    for _ in range(rounds):
        assert window.arrived(credit)
        credit = window.consumed(credit)


def test_a_reader_that_keeps_up_doubles_its_window_up_to_the_limit() -> None:
    window = cr.ReceiveWindow(cr.Budget(1 << 30), 16 * 1024)
    sizes = []
    for _ in range(12):
        read_all(window, 1)
        window.outstanding_bytes = window.window_bytes
        sizes.append(window.window_bytes)
    assert sizes[:4] == [32768, 65536, 131072, 262144]
    assert sizes[-1] == cr.MAX_WINDOW_BYTES


def test_a_reader_that_falls_behind_gives_back_but_keeps_its_first_credit() -> None:
    budget = cr.Budget(1 << 30)
    window = cr.ReceiveWindow(budget, 16 * 1024)
    window.widen(256 * 1024)
    assert window.grant_all() == 256 * 1024
    for _ in range(400):
        free = window.outstanding_bytes - window.unread_bytes
        assert window.arrived(free)
        window.consumed(2048 if window.unread_bytes > 2048 else 0)
    assert window.window_bytes < 256 * 1024
    assert window.window_bytes >= window.floor_bytes
    window.close()
    assert budget.used_bytes == 0


def test_a_short_request_costs_no_grant_and_a_longer_one_gets_the_whole_window() -> None:
    window = cr.ReceiveWindow(cr.Budget(), cr.FIRST_CREDIT_BYTES)
    window.widen(128 * 1024)
    assert window.arrived(300)
    assert window.consumed(300) == 0
    assert window.arrived(8000)
    assert window.consumed(8000) == 128 * 1024 - cr.FIRST_CREDIT_BYTES + 8300


def test_stalled_flows_leave_a_share_to_one_that_reads() -> None:
    budget = cr.Budget()
    stalled = [cr.ReceiveWindow(budget, cr.first_credit(n)) for n in range(500)]
    for window in stalled:
        window.widen(128 * 1024)
        window.arrived(window.outstanding_bytes)
    reader = cr.ReceiveWindow(budget, cr.first_credit(500))
    read_all(reader, 30)
    assert sum(window.outstanding_bytes for window in stalled) <= cr.BUDGET_BYTES
    assert reader.window_bytes >= 128 * 1024


def test_more_than_the_credit_is_noticed() -> None:
    window = cr.ReceiveWindow(cr.Budget(), 1000)
    assert window.arrived(1000)
    assert not window.arrived(1)


def test_the_first_credit_shrinks_when_flows_are_many() -> None:
    assert cr.first_credit(cr.MANY_FLOWS - 1) == cr.FIRST_CREDIT_BYTES
    assert cr.first_credit(cr.MANY_FLOWS) == cr.FEW_CREDIT_BYTES


@given(st.lists(st.integers(0, 200_000), max_size=60))
def test_the_sender_never_holds_more_than_the_window_was(steps: list[int]) -> None:
    budget = cr.Budget(2 << 20)
    window = cr.ReceiveWindow(budget, 16 * 1024)
    credit, largest = 16 * 1024, window.window_bytes
    for step in steps:
        send = min(step, credit)
        credit -= send
        assert window.arrived(send)
        credit += window.consumed(min(step, window.unread_bytes))
        largest = max(largest, window.window_bytes)
        assert credit + window.unread_bytes == window.outstanding_bytes
        assert window.outstanding_bytes <= largest
        assert budget.used_bytes <= budget.limit_bytes
