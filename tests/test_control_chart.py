"""The charts' formulas, their false alarms and their detection by simulation, and what they say when their limits are wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qa.control_chart import WIDTH, Chart, NoChart, chart, correlated, correlation, ewma, half_widths

STEADY = [0.564, -0.564] * 10  # mean 0, every moving range 1.128: sigma is 1


def run_lengths(
    rng: np.random.Generator, runs: int, shift: float = 0.0, centre: NDArray[Any] | float = 0.0, sigma: NDArray[Any] | float = 1.0
) -> NDArray[Any]:
    """Tests until the EWMA is outside, for values of mean ``shift`` and scatter 1."""
    block, most = 100, 6000
    last, sigmas, centres = (np.broadcast_to(np.asarray(one, float), runs).copy() for one in (centre, sigma, centre))
    length, left, gone = np.full(runs, float(most)), np.arange(runs), 0
    while len(left) and gone < most:
        z = ewma(rng.standard_normal((len(left), block)) + shift, last)
        outside = np.abs(z - centres[:, None]) > half_widths(block, sigmas, gone)
        hit = outside.any(axis=1)
        length[left[hit]] = gone + outside[hit].argmax(axis=1) + 1
        left, last, sigmas, centres, gone = left[~hit], z[~hit, -1], sigmas[~hit], centres[~hit], gone + block
    return length


def test_ewma_and_its_limits_are_the_formulas() -> None:
    """A step of 1 rises as 1 - 0.9^t; the limits begin at L sigma l and end at L sigma sqrt(l/(2 - l))."""
    assert ewma(np.ones(5), 0.0) == pytest.approx([1 - 0.9**t for t in range(1, 6)])
    half = half_widths(200, 2.0)
    assert half[0] == pytest.approx(WIDTH * 2.0 * 0.1)
    assert half[2] == pytest.approx(2.703 * 2.0 * math.sqrt(0.1 / 1.9 * (1 - 0.9**6)))
    assert half[-1] == pytest.approx(2.703 * 2.0 * math.sqrt(0.1 / 1.9))
    assert half_widths(3, 2.0, before=2) == pytest.approx(half[2:5])


@pytest.mark.parametrize(("shift", "expected", "runs"), [(0.0, 361.0, 20_000), (0.5, 25.0, 5000), (1.0, 7.4, 20_000), (2.0, 2.5, 20_000)])
def test_tests_to_an_alarm_are_those_of_the_literature(shift: float, expected: float, runs: int) -> None:
    assert run_lengths(np.random.default_rng(7), runs, shift).mean() == pytest.approx(expected, rel=0.05)


def test_limits_estimated_from_few_values_give_more_false_alarms() -> None:
    """sigma of 8 values is known to a third; what that does to false alarms within 100 tests is 1 - (1 - 1/361)^100 = 0.24 at best."""
    rng, within, spread = np.random.default_rng(8), {}, {}
    for count in (8, 20):
        first = rng.standard_normal((6000, count))
        sigma = np.abs(np.diff(first)).mean(axis=1) / 1.128
        spread[count] = sigma.std() / sigma.mean()
        within[count] = (run_lengths(rng, 6000, 0.0, first.mean(axis=1), sigma) <= 100).mean()
    assert spread[8] == pytest.approx(0.33, abs=0.02)
    assert within[8] > within[20] + 0.05 > 0.24 + 0.2


def test_fewer_than_8_values_give_no_chart_and_20_freeze_it() -> None:
    few = chart(STEADY[:7])
    assert isinstance(few, NoChart)
    assert "7 of the 8" in few.reason
    eight, twenty, more = chart(STEADY[:8]), chart(STEADY), chart([*STEADY, 5.0])
    assert isinstance(eight, Chart)
    assert eight.provisional
    assert isinstance(twenty, Chart)
    assert isinstance(more, Chart)
    assert (twenty.centre, twenty.sigma, twenty.spread) == pytest.approx((0.0, 1.0, 2.66 * 1.128))
    assert (more.centre, more.sigma, more.provisional) == (twenty.centre, twenty.sigma, False)
    assert more.outside == (20,)
    assert more.beyond == ()  # 0.5 of the newest value against a half width of 0.62: one value is no moved mean


def test_moving_range_has_no_alarm() -> None:
    """From -2.5 to 2.5 sigma is a range of 5, beyond 3.69 of a range chart; nothing else is unusual."""
    found = chart([*STEADY, -2.5, 2.5])
    assert isinstance(found, Chart)
    assert (found.beyond, found.outside, found.alarm) == ((), (), None)


def test_moved_mean_gives_an_alarm_that_lasts_and_ends() -> None:
    found = chart([*STEADY, *[2.0] * 10])
    assert isinstance(found, Chart)
    assert found.alarm is not None
    assert found.alarm == found.beyond[0]
    assert 1 - 0.9 ** (found.alarm - 19) == pytest.approx(0.31, abs=0.05)  # where 2 (1 - 0.9^t) passes 0.62
    back = chart([*STEADY, *[2.0] * 10, *[0.0] * 20])
    assert isinstance(back, Chart)
    assert back.alarm is None
    assert back.beyond[: len(found.beyond)] == found.beyond


def test_values_that_go_together_are_said_to_make_limits_wrong() -> None:
    slow = chart([math.sin(n / 4) for n in range(20)])
    assert isinstance(slow, Chart)
    assert "too narrow" in " ".join(slow.cautions)
    assert "too wide" in " ".join(chart(STEADY).cautions)  # type: ignore[union-attr]
    assert correlation(STEADY) == pytest.approx(-19 / 20)
    assert correlation([3.0, 3.0, 3.0]) == 0.0
    rng = np.random.default_rng(9)
    found = np.array([correlation(row) for row in rng.standard_normal((4000, 20))])
    assert found.mean() == pytest.approx(-1 / 20, abs=0.01)
    assert np.mean([correlated(one, 20) for one in found]) < 0.06


def test_rounded_values_are_said_and_values_that_do_not_scatter_have_no_chart() -> None:
    rng = np.random.default_rng(10)
    fine = chart(rng.normal(0.3, 0.05, 20).tolist())
    coarse = chart(np.round(rng.normal(0.3, 0.05, 20), 1).tolist())
    assert isinstance(fine, Chart)
    assert isinstance(coarse, Chart)
    assert not any("rounded" in one for one in fine.cautions)
    assert any("rounded" in one for one in coarse.cautions)
    same = chart([0.1 + 0.2] * 9)
    assert isinstance(same, NoChart)
    assert "do not scatter" in same.reason


def test_first_values_all_the_same_and_later_ones_not() -> None:
    """How much is unusual is not known, but that something has changed is."""
    same = chart([5.0] * 20)
    assert isinstance(same, NoChart)
    assert (same.same, same.beyond, same.alarm) == (5.0, (), None)
    moved = chart([5.0] * 20 + [2.0] * 3)
    assert isinstance(moved, NoChart)
    assert (moved.same, moved.beyond, moved.alarm) == (5.0, (20, 21, 22), 20)
    assert "the first 20 values are all the same" in moved.reason
    back = chart([0.0] * 20 + [0.1, 0.0, 0.0])
    assert isinstance(back, NoChart)
    assert (back.beyond, back.alarm) == ((20,), None)
