"""The time between scans follows their cost."""

from __future__ import annotations

import pytest

from port_linker.scan.period import MAX_PERIOD_S, MIN_PERIOD_S, ScanPeriod


def period_after(*costs_s: float) -> float:
    period = ScanPeriod()
    for cost_s in costs_s:
        period.add_cost(cost_s)
    return period.period_s


def test_a_cheap_scan_is_done_ten_times_a_second() -> None:
    assert period_after() == MIN_PERIOD_S
    assert period_after(0.0003) == MIN_PERIOD_S


def test_a_scan_takes_one_percent_of_a_core() -> None:
    assert period_after(*[0.004] * 60) == pytest.approx(0.4, rel=0.01)
    assert period_after(*[0.02] * 60) == pytest.approx(2.0, rel=0.01)


def test_a_period_never_passes_five_seconds() -> None:
    assert period_after(*[3.0] * 60) == MAX_PERIOD_S


def test_one_hiccup_does_not_matter() -> None:
    assert period_after(*[0.0004] * 10, 2.0) == MIN_PERIOD_S
    assert period_after(2.0) == MIN_PERIOD_S  # the first scan searches all the owners


def test_a_lasting_change_arrives_both_ways() -> None:
    assert period_after(0.0003, *[0.03] * 60) == pytest.approx(3.0, rel=0.01)
    assert period_after(0.03, *[0.0003] * 60) == MIN_PERIOD_S


def test_the_cost_is_smoothed() -> None:
    period = ScanPeriod()
    assert period.cost_s == 0.0
    for _ in range(60):
        period.add_cost(0.002)
    assert period.cost_s == pytest.approx(0.002, rel=0.01)
