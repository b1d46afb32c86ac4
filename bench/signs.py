"""Whether one build is worse than another, by pairs of figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.report import median

LEAST_RATIO = 0.97
LEVEL = 0.05
# A figure whose name ends so is better when it is smaller.
SMALLER = ("_s", "_ms", "_mb", "_trips", "_lost", "_wrong")


@dataclass(frozen=True)
class Verdict:
    """One figure. ratio: the median of the pairs', above 1 if the new build is better."""

    name: str
    olds: tuple[float, ...]
    news: tuple[float, ...]
    ratio: float
    better: int
    worse: int

    @property
    def pairs(self) -> int:
        """Return how many pairs there are."""
        return len(self.olds)

    @property
    def is_worse(self) -> bool:
        """Whether the new build is worse: by more than noise, and in too many pairs for chance."""
        return self.ratio < LEAST_RATIO and chance(self.worse, self.worse + self.better) < LEVEL


def chance(count: int, of: int) -> float:
    """Return the probability that a fair coin shows `count` or more heads of `of` (sign test)."""
    return sum(math.comb(of, heads) for heads in range(count, of + 1)) / float(2**of)


def judge(name: str, pairs: Sequence[tuple[float, float]]) -> Verdict:
    """Compare (old, new) pairs of one figure; equal ones count for neither."""
    is_smaller_better = name.endswith(SMALLER)
    ratios = [gain(old, new, is_smaller_better) for old, new in pairs]
    return Verdict(
        name,
        tuple(old for old, _ in pairs),
        tuple(new for _, new in pairs),
        median(ratios),
        sum(ratio > 1 for ratio in ratios),
        sum(ratio < 1 for ratio in ratios),
    )


def gain(old: float, new: float, is_smaller_better: bool) -> float:
    """Return by how much the new figure is better; 1 if both are 0."""
    better, worse = (old, new) if is_smaller_better else (new, old)
    if better == worse:
        return 1.0
    return better / worse if worse else math.inf
