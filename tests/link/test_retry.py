"""When QUIC is tried again."""

from __future__ import annotations

from port_linker.link.retry import STEADY_S, QuicRetry


def test_a_firewall_is_asked_rarely() -> None:
    retry = QuicRetry()
    assert [retry.next_delay_s("unreachable", 3.0) for _ in range(4)] == [15, 60, 300, 300]


def test_what_broke_is_made_anew_soon() -> None:
    retry = QuicRetry()
    assert [retry.next_delay_s("died", 0.1) for _ in range(9)] == [
        *(0.5, 1, 2, 4, 8, 15, 30, 60),
        60,
    ]


def test_a_connection_that_lived_was_no_failure() -> None:
    retry = QuicRetry()
    for _ in range(5):
        retry.next_delay_s("died", 0.1)
    assert retry.next_delay_s("closed", STEADY_S) == 0.5


def test_another_network_begins_anew() -> None:
    retry = QuicRetry()
    retry.next_delay_s("unreachable", 3.0)
    retry.reset()
    assert retry.next_delay_s("unreachable", 3.0) == 15
