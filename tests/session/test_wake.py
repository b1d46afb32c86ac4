"""Sleep is seen in the clocks."""

from __future__ import annotations

import pytest

from port_linker.session.wake import WakeDetector


@pytest.mark.parametrize(
    ("awake_s", "passed_s", "woken"),
    [
        (0.5, 0.5, False),
        (0.6, 2.5, False),  # 1.9 s of difference: the clocks are read one after the other
        (0.5, 3600.5, True),  # an hour of suspend
        (5.4, 5.4, False),  # a busy machine
        (5.5, 5.5, True),  # SIGSTOP: both clocks ran
    ],
)
def test_a_wake_is_a_clock_that_jumped_or_a_tick_that_came_late(
    awake_s: float, passed_s: float, woken: bool
) -> None:
    detector = WakeDetector(100.0, 200.0, period_s=0.5)
    assert detector.is_woken(100.0 + awake_s, 200.0 + passed_s) is woken
    assert not detector.is_woken(100.5 + awake_s, 200.5 + passed_s)
