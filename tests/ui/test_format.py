"""Figures as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.ui import format as figures


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (-5, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (999_960, "1.0 MB"),
        (34_000_000, "34 MB"),
        (5e17, "500 PB"),
    ],
)
def test_bytes(count: float, text: str) -> None:
    assert figures.format_bytes(count) == text


@given(st.integers(0, 10**17))
def test_bytes_stay_short(count: int) -> None:
    assert len(figures.format_bytes(count)) <= 7


def test_loss() -> None:
    assert [figures.format_loss(percent) for percent in (0.0, 0.04, 0.44, 9.96, 34.5)] == [
        "0 % lost", "0 % lost", "0.4 % lost", "10 % lost", "34 % lost",
    ]  # fmt: skip


def test_rates_of_both_ways() -> None:
    assert figures.format_rates(0.0, 0.0) == ""
    assert figures.format_rates(3000.0, 11.8e6) == "12 MB/s down, 3.0 kB/s up"
    assert figures.format_rates(3000.0, 0.0) == "3.0 kB/s up"


def test_rate_is_silent_where_nothing_moves() -> None:
    assert figures.format_rate(0.2) == ""
    assert figures.format_rate(1500) == "1.5 kB/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (59.9, "59 s"),
        (61, "1:01"),
        (3725, "1:02:05"),
        (172_800 - 1, "47:59:59"),
        (180_000, "2 d 2 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert figures.format_duration(seconds) == text


def test_round_trip() -> None:
    assert figures.format_rtt(0.42) == "0.4 ms"
    assert figures.format_rtt(38.4) == "38 ms"


def test_plural() -> None:
    assert figures.plural(1, "service") == "1 service"
    assert figures.plural(0, "service") == "0 services"
