"""The mean of several runs and its uncertainty: docs/physics/baseline.md, section 3."""

import math

import numpy as np
import pytest

from qa.average import average
from qa.reading import Measured, Quantity

MM = Quantity("offset", "mm", "a length", "test")


def of(value: float, u: float, interval: tuple[float, float] | None = None) -> Measured:
    return Measured(MM, value, u, interval=interval)


def test_one_number_is_itself() -> None:
    made = average([of(0.3, 0.1, (0.2, 0.7))])
    assert (made.value, made.u, made.n, made.sd, made.interval) == (0.3, 0.1, 1, None, (0.2, 0.7))


@pytest.mark.parametrize(("n", "t"), [(2, 12.7062), (3, 4.3027), (5, 2.7764), (10, 2.2622)])  # Student's t, 97.5 %, from tables
def test_u_is_the_scatter_of_few_numbers_and_all_of_their_own(n: int, t: float) -> None:
    """Numbers of known scatter: n values at equal steps of 0.2 have the variance 0.04 n (n + 1) / 12."""
    values, own = [0.2 * k for k in range(n)], [0.1 + 0.01 * k for k in range(n)]
    made = average([of(value, u) for value, u in zip(values, own, strict=True)])
    sd = math.sqrt(0.04 * n * (n + 1) / 12)
    assert made.n == n
    assert made.value == pytest.approx(0.1 * (n - 1))
    assert made.sd == pytest.approx(sd)
    assert made.u == pytest.approx(math.sqrt((t / 2 * sd) ** 2 / n + sum(u * u for u in own) / n), rel=1e-4)
    assert made.interval is None


def test_many_numbers_need_no_widening_and_what_they_share_stays() -> None:
    made = average([of((-1.0) ** k, 0.5) for k in range(100)])  # mean 0, variance 100 / 99
    assert made.value == pytest.approx(0, abs=1e-12)
    assert made.u == pytest.approx(math.sqrt(1 / 99 + 0.25))


def test_equal_numbers_have_the_u_that_they_share() -> None:
    made = average([of(0.7, 0.1)] * 4)
    assert (made.value, made.sd) == (pytest.approx(0.7), 0)
    assert made.u == pytest.approx(0.1)  # not 0.05: nothing says that it scatters


def test_skewed_intervals_stay_skewed() -> None:
    made = average([of(1.0, 0.1, (0.9, 1.4)), of(1.2, 0.1)])
    scatter = 12.7062 * math.sqrt(0.02) / math.sqrt(2)  # 2 f sd / sqrt(n)
    down, up = math.sqrt((0.1**2 + 0.2**2) / 2 + scatter**2), math.sqrt((0.4**2 + 0.2**2) / 2 + scatter**2)
    assert made.interval == pytest.approx((1.1 - down, 1.1 + up), rel=1e-4)


@pytest.mark.parametrize("n", [2, 5, 10])
def test_u_covers_the_truth_whether_errors_are_shared_or_scatter(n: int) -> None:
    """At least 95 % within U, less three standard errors of 2000 trials."""
    rng = np.random.default_rng(n)
    for shared, scatter in ((1.0, 0.2), (0.1, 1.0)):
        errors = rng.normal(0, shared, (2000, 1)) + rng.normal(0, scatter, (2000, n))
        made = [average([of(float(one), shared) for one in row]) for row in errors]
        inside = np.mean([abs(one.value) <= 2 * one.u for one in made])
        assert inside > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 2000)
