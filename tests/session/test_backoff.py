"""Delays between attempts."""

from __future__ import annotations

from port_linker.session.backoff import DELAYS_S, Backoff


def test_delays_grow_to_fifteen_seconds_and_begin_anew() -> None:
    backoff = Backoff()
    assert [backoff.next_delay_s() for _ in range(9)] == [*DELAYS_S, 15.0, 15.0]
    backoff.reset()
    assert backoff.next_delay_s() == 0.0
