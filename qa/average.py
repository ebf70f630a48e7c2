"""The mean of one quantity over several runs, as a baseline: docs/physics/baseline.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qa.reading import Measured
from qa.student import quantile


@dataclass(frozen=True)
class Average:
    """Mean ``value`` of ``n`` numbers with its standard uncertainty u; ``sd`` is their scatter, None of one number.

    ``interval`` is a 95 % interval about the mean where the numbers have such intervals. All in the quantity's unit.
    """

    value: float
    u: float
    n: int
    sd: float | None = None
    interval: tuple[float, float] | None = None


def average(readings: Sequence[Measured]) -> Average:
    """The mean of at least one number of one quantity; one number is itself. What of u is common to all is not known: all of it counts."""
    n, values = len(readings), [one.value for one in readings]
    if n == 1:
        (own,) = readings
        return Average(own.value, own.u, 1, None, own.interval)
    value = math.fsum(values) / n
    sd = math.sqrt(math.fsum((one - value) ** 2 for one in values) / (n - 1))
    scatter = sd / math.sqrt(n) * max(2.0, quantile(n - 1, 0.95)) / 2  # so that twice it is a 95 % interval, however few there are
    u = math.hypot(scatter, _root_mean_square([one.u for one in readings]))
    if all(one.interval is None for one in readings):
        return Average(value, u, n, sd)
    ends = [one.interval or (one.value - 2 * one.u, one.value + 2 * one.u) for one in readings]
    down = _root_mean_square([own - low for own, (low, _) in zip(values, ends, strict=True)])
    up = _root_mean_square([high - own for own, (_, high) in zip(values, ends, strict=True)])
    return Average(value, u, n, sd, (value - math.hypot(down, 2 * scatter), value + math.hypot(up, 2 * scatter)))


def _root_mean_square(numbers: Sequence[float]) -> float:
    return math.sqrt(math.fsum(one * one for one in numbers) / len(numbers))
