"""bench/signs.py: when one build is worse than another."""

from __future__ import annotations

import pytest
from bench.signs import chance, gain, judge


def test_the_sign_test_counts_heads() -> None:
    assert chance(10, 10) == pytest.approx(1 / 1024)
    assert chance(9, 10) == pytest.approx(11 / 1024)
    assert chance(0, 10) == 1


@pytest.mark.parametrize(("old", "new", "expected"), [(4, 2, 0.5), (2, 4, 2), (0, 0, 1)])
def test_more_is_better_unless_the_name_says_otherwise(
    old: float, new: float, expected: float
) -> None:
    assert gain(old, new, is_smaller_better=False) == expected
    assert gain(new, old, is_smaller_better=True) == expected


def test_worse_is_more_than_noise_in_more_pairs_than_chance() -> None:
    pairs = [(100.0, 90.0)] * 9 + [(100.0, 120.0)]
    assert judge("up_bit", pairs).is_worse
    assert not judge("up_ms", pairs).is_worse
    assert not judge("up_bit", [(100.0, 98.0)] * 10).is_worse  # all of them, by 2 %
    assert not judge("up_bit", [(100.0, 90.0)] * 7 + [(100.0, 120.0)] * 3).is_worse
    assert (judge("up_bit", pairs).better, judge("up_bit", pairs).worse) == (1, 9)
