"""When a drift reaches a level: coverage on simulated drifts, and what is refused."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from qa import student
from qa.drift import HORIZON, Line, Reach, fit, reach


def simulated(
    seed: int, series: int, slopes: tuple[float, float], uneven: bool = False, beyond: float = 0.0
) -> tuple[Counter[str], Counter[str]]:
    """How often each thing is said of random drifts within -1 ... 1, and how often it is true. Slopes are per year, noise is 0.1."""
    rng, said, true = np.random.default_rng(seed), Counter[str](), Counter[str]()
    while said.total() < series:
        days = np.sort(rng.uniform(0, rng.uniform(60, 360), int(rng.integers(10, 80))))
        now, slope = rng.uniform(-0.3, 0.3), rng.choice([-1, 1]) * rng.uniform(*slopes) / 365
        u = 0.1 * rng.uniform(0.5, 2.0, len(days)) if uneven else np.full(len(days), 0.1)
        y = now + slope * (days - days[-1]) + rng.standard_normal(len(days)) * np.hypot(u, beyond)
        line = fit(days, y, u)
        if isinstance(line, str):
            continue
        found = reach(line, -1.0, 1.0)
        day = (np.sign(slope) - now) / slope
        early, late = found.earliest or 0.0, np.inf if found.latest is None else found.latest
        said[found.state] += 1
        true[found.state] += bool(
            day > HORIZON if found.state == "not within a year" else found.state != "reached" and early <= day <= late
        )
    return said, true


@pytest.mark.parametrize(("uneven", "beyond"), [(False, 0.0), (True, 0.0), (True, 0.1)])
def test_interval_holds_the_true_day_in_95_of_100_drifts(uneven: bool, beyond: float) -> None:
    said, true = simulated(11, 1000, (1.0, 4.0), uneven, beyond)
    assert said["reaches"] > 930
    assert 0.93 <= true["reaches"] / said["reaches"] <= 0.97


def test_a_drift_within_a_year_is_rarely_denied_and_none_rarely_claimed() -> None:
    """A one-sided 97.5 % statement is wrong in 2.5 % at most; a machine that stands still seems to drift in 5 % at most."""
    said, true = simulated(12, 600, (0.1, 1.0))
    assert true["not within a year"] >= 0.975 * said["not within a year"] > 0
    still, _ = simulated(13, 400, (0.0, 1e-6))
    assert still["reaches"] / still.total() < 0.05


def drifting(count: int, days: float, slope: float, at: float = 0.0, noise: float = 0.02) -> Line | str:
    """Values whose noise is drawn once and is the same for all."""
    day = np.linspace(0, days, count)
    return fit(day, at + slope * day + np.random.default_rng(2).normal(0, noise, count), np.full(count, noise))


def line(*found: Line | str) -> Line:
    assert isinstance(found[0], Line)
    return found[0]


def test_ends_are_where_the_band_meets_the_level() -> None:
    found = line(drifting(30, 200.0, 0.002))
    said = reach(found, -1.0, 1.0)
    assert said.state == "reaches"
    assert said.earliest is not None
    assert said.latest is not None
    early, late = found.last + said.earliest, found.last + said.latest
    assert found.at(early) + found.half(early) == pytest.approx(1.0)
    assert found.at(late) - found.half(late) == pytest.approx(1.0)
    assert early < 500 < late  # 0.002 a day reaches 1 on day 500


def test_weighted_line_and_its_variance_are_those_of_the_normal_equations() -> None:
    day = np.array([0.0, 9, 14, 30, 41, 47, 60, 66, 80])
    u = np.array([1.0, 2, 1, 3, 1, 2, 1, 2, 1])
    y = 3 + 0.05 * day + 0.1 * u * np.array([1.0, -1, 1, -1, -1, 1, -1, 1, -1])  # scatters less than u: tau is 0
    found = line(fit(day, y, u))
    design, weights = np.column_stack([np.ones(9), day]), np.diag(1 / u**2)
    covariance = np.linalg.inv(design.T @ weights @ design)
    intercept, slope = covariance @ design.T @ weights @ y
    left = y - intercept - slope * day
    covariance *= left @ weights @ left / 7
    assert found.slope == pytest.approx(slope)
    assert found.at(0.0) == pytest.approx(intercept)
    assert found.half(100.0) == pytest.approx(2.3646 * np.sqrt([1, 100] @ covariance @ [1, 100]), rel=1e-4)  # Student's t, 7, 97.5 %


@pytest.mark.parametrize(
    ("slope", "at", "state"),
    [(0.0, 0.3, "not within a year"), (0.002, 0.9, "reached"), (0.0, 0.995, "undecided"), (-0.0001, 0.9, "not within a year")],
)
def test_what_is_said_without_an_interval(slope: float, at: float, state: str) -> None:
    assert reach(line(drifting(30, 200.0, slope, at)), -1.0, 1.0).state == state


def test_drift_that_may_be_none_has_no_latest_day() -> None:
    found = Line(mean_day=0.0, middle=0.5, slope=0.001, variances=(1e-4, 1e-6), quantile=2.0, last=50.0, count=20, span=100.0)
    said = reach(found, -1.0, 1.0)
    assert said == Reach("not before", said.earliest, None)
    assert said.earliest is not None
    assert found.at(50 + said.earliest) + found.half(50 + said.earliest) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("freedom", "within", "expected"),
    [(1, 0.95, 12.706), (2, 0.95, 4.303), (7, 0.95, 2.365), (30, 0.99, 2.750), (120, 0.95, 1.980), (5, 0.5, 0.727), (4, 0.99, 4.604)],
)
def test_quantiles_of_student_are_those_of_the_tables(freedom: int, within: float, expected: float) -> None:
    """Abramowitz and Stegun, table 26.10."""
    assert student.quantile(freedom, within) == pytest.approx(expected, abs=6e-4)


def test_what_cannot_be_said_has_a_reason() -> None:
    assert "7 of the 8 values" in str(drifting(7, 100.0, 0.001))
    assert "span 20 days" in str(drifting(30, 20.0, 0.001))
    assert "without any scatter" in str(fit([0.0, 10, 20, 30, 40, 50, 60, 70], [0.0, 1, 2, 3, 4, 5, 6, 7], [0.1] * 8))
    assert "0 of the 8" in str(fit([], [], []))
    day = np.arange(0.0, 60, 2)
    wave = 0.3 * np.sin(day / 5) + np.random.default_rng(3).normal(0, 0.01, 30)
    assert "do not follow a straight line" in str(fit(day, wave, np.full(30, 0.01)))


def test_drift_that_began_lately_is_followed_from_there() -> None:
    """Flat for 200 days, then 0.004 a day: a line through all would be half as steep and promise twice the time."""
    day = np.arange(0.0, 360, 5)
    y = np.maximum(day - 200, 0) * 0.004 + np.random.default_rng(4).normal(0, 0.02, len(day))
    found = line(fit(day, y, np.full(len(day), 0.02)))
    assert found.slope == pytest.approx(0.004, rel=0.1)
    said = reach(found, -1.0, 1.0)
    assert said.earliest is not None
    assert said.latest is not None
    assert said.earliest < (1.0 - 155 * 0.004) / 0.004 < said.latest


def test_values_of_two_days_make_a_line_and_their_order_does_not_matter() -> None:
    day, noise = np.repeat([0.0, 60.0], [9, 6]), np.array([1, 1, -1, -1, 1, -1, -1, 1, 0, -1, -1, 1, 1, -1, 1]) * 0.1
    found = line(fit(day, 0.01 * day + noise, np.full(15, 0.1)))
    assert found.slope == pytest.approx(0.01)
    assert fit(day[::-1], (0.01 * day + noise)[::-1], np.full(15, 0.1)) == pytest.approx(found)
    same = np.repeat([0.0, 1.0], [9, 6])
    assert "without any scatter" in str(fit(day, same, np.full(15, 0.1)))


def test_only_the_newest_year_counts() -> None:
    day = np.arange(0.0, 1000, 10)
    y = np.where(day < 600, 5.0, 0.3) + np.random.default_rng(5).normal(0, 0.02, len(day))
    found = line(fit(day, y, np.full(len(day), 0.02)))
    assert found.span <= 365
    assert found.at(990.0) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("height", [4.0, 8.0])
def test_step_is_refused_as_a_drift_and_its_day_is_named(height: float) -> None:
    """200 series of 26 weeks with one step of 4 and 8 sigma after the 15th value; a line through it would promise a day."""
    rng, day, said = np.random.default_rng(20), np.arange(0.0, 180, 7), Counter[str]()
    for _ in range(200):
        y = np.where(day < 100, 0.2, 0.2 + height * 0.05) + rng.normal(0, 0.05, len(day))
        found = fit(day, y, np.full(len(day), 0.03))
        if isinstance(found, Line):
            said[reach(found, -1.0, 1.0).state] += 1
        else:
            said["near" if any(f"a step on day {d}" in found for d in (98, 105, 112)) else found] += 1
    assert said["reaches"] <= 2
    assert said["near"] >= 190


def test_level_without_an_end_is_never_reached() -> None:
    falling = line(drifting(30, 200.0, -0.004, 0.5))
    assert reach(falling, -1.0, 1.0).level == -1.0
    assert reach(falling, -np.inf, 1.0) == Reach("not within a year")
    assert reach(line(drifting(30, 200.0, 0.002)), -np.inf, 1.0).level == 1.0
