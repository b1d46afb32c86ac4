"""The clocks run, each in its own way."""

from __future__ import annotations

import time

import pytest

from port_linker import clock


def test_time_does_not_go_back() -> None:
    for read in (clock.monotonic_s, clock.boottime_s):
        first = read()
        assert read() >= first
    assert abs(clock.wall_s() - time.time()) < 5.0


def test_boot_time_counts_a_suspend_and_so_is_never_behind() -> None:
    assert clock.boottime_s() >= time.clock_gettime(time.CLOCK_MONOTONIC) - 0.001


def test_without_a_clock_of_boot_time_the_wall_clock_stands_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert abs(clock.boottime_s() - time.time()) < 5.0
