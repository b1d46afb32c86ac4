"""What is measured of a link: rates, loss, and which change is news."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.link.figures import (
    FEW_PACKETS,
    LOSS_WINDOW_S,
    Figures,
    LossGauge,
    RateGauge,
    is_news,
)

TOLD = Figures("192.0.2.7:60000", 1472, 40.0, 1.0, 1e6, 2e6)


@pytest.mark.parametrize(
    ("newer", "news"),
    [
        (Figures(), False),
        (Figures(path="ssh"), True),
        (Figures(mtu=1400), True),
        (Figures(rtt_ms=49.0), False),
        (Figures(rtt_ms=51.0), True),
        (Figures(loss_percent=1.4), False),
        (Figures(loss_percent=1.6), True),
        (Figures(up_bytes_per_s=1.4e6), False),
        (Figures(up_bytes_per_s=0.0), True),
        (Figures(down_bytes_per_s=4e6), True),
    ],
)
def test_what_differs_by_much_is_news(newer: Figures, news: bool) -> None:
    assert is_news(TOLD, TOLD.merged(newer)) is news


def test_what_becomes_known_is_news_but_for_a_link_at_rest() -> None:
    nothing = Figures()
    assert not is_news(nothing, nothing)
    assert is_news(nothing, Figures(rtt_ms=0.1))
    assert is_news(nothing, Figures(loss_percent=0.0))
    assert not is_news(nothing, Figures(up_bytes_per_s=0.0, down_bytes_per_s=500.0))


def test_small_round_trips_tremble() -> None:
    assert not is_news(Figures(rtt_ms=0.2), Figures(rtt_ms=1.1))


def test_a_rate_is_what_moved_since_the_last_reading() -> None:
    gauge = RateGauge()
    assert gauge.read(10.0, 5000, 5000) == (0.0, 0.0)
    assert gauge.read(12.0, 7000, 5000) == (1000.0, 0.0)
    assert gauge.read(12.0, 9000, 5000) == (0.0, 0.0)  # no time has passed
    assert gauge.read(13.0, 0, 6000) == (0.0, 1000.0)  # one counter began anew


def test_loss_is_of_the_last_seconds() -> None:
    gauge = LossGauge()
    assert gauge.read(0.0, 0, 0) is None
    assert gauge.read(1.0, FEW_PACKETS - 1, 50) is None
    assert gauge.read(2.0, 1000, 100) == 10.0
    seconds = range(3, 3 + int(LOSS_WINDOW_S) + 1)
    assert [gauge.read(float(second), second * 1000, 100) for second in seconds][-1] == 0.0
    assert gauge.read(20.0, 10, 0) is None  # another connection
    assert gauge.read(21.0, 1010, 1000) == 100.0


@given(st.lists(st.tuples(st.floats(0.01, 5), st.integers(0, 10**6), st.integers(0, 10**6))))
def test_loss_is_a_share_and_the_window_is_bounded(steps: list[tuple[float, int, int]]) -> None:
    gauge, now, sent, lost = LossGauge(), 0.0, 0, 0
    for passed_s, more, gone in steps:
        now, sent, lost = now + passed_s, sent + more, lost + min(gone, more)
        percent = gauge.read(now, sent, lost)
        assert percent is None or 0.0 <= percent <= 100.0
        assert now - gauge._readings[1 if len(gauge._readings) > 1 else 0][0] <= LOSS_WINDOW_S
