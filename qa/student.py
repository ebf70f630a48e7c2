"""Quantiles of Student's t without a library that takes longer to load than all the rest of a trend."""

from __future__ import annotations

import math
from functools import cache


@cache
def quantile(freedom: int, within: float) -> float:
    """The t that |t| stays below with probability ``within``, for ``freedom`` degrees of freedom, at least 1."""
    if freedom < 1 or not 0 < within < 1:
        raise ValueError(f"Student's t needs a degree of freedom and a probability inside 0 to 1, got {freedom} and {within}")
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        low, high = (angle, high) if _within(angle, freedom) < within else (low, angle)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """P(|t| < sqrt(n) tan(angle)): Abramowitz and Stegun 26.7.3 for odd n, 26.7.4 for even n."""
    odd, square = freedom % 2, math.cos(angle) ** 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    return (angle + math.sin(angle) * total) * 2 / math.pi if odd else math.sin(angle) * total
