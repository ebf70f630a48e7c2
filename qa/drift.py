"""A straight drift: when it reaches a level, with a 95 % interval, or why that cannot be said.

Physics: docs/physics/trend.md, section 4. Days count from any origin; values, u and levels are in the quantity's own unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qa import student
from qa.control_chart import correlated, correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST, SPAN = 8, 30.0  # values, and days from the first to the last: a week of values says nothing of a month
WINDOW = HORIZON = 365.0  # days that the line is fitted to at most, and that it is followed for


@dataclass(frozen=True)
class Line:
    """value = middle + slope (day - mean_day); ``variances`` are those of middle and slope, which are independent.

    ``quantile`` is Student's for 95 %; ``last`` the newest value's day, from which the future counts.
    """

    mean_day: float
    middle: float
    slope: float
    variances: tuple[float, float]
    quantile: float
    last: float
    count: int
    span: float

    def at(self, day: float) -> float:
        """The line's value."""
        return self.middle + self.slope * (day - self.mean_day)

    def half(self, day: float) -> float:
        """The 95 % half width of the line, not of single values."""
        return self.quantile * math.sqrt(self.variances[0] + self.variances[1] * (day - self.mean_day) ** 2)


class Bent(str):
    """What values say against a straight line through all of them; a newer part of them may follow one."""


@dataclass(frozen=True)
class Reach:
    """When a level is reached, in days after the newest value.

    ``state``: "reaches" between earliest and latest; "not before" earliest, and the drift is known too badly for a latest day; "not
    within a year"; "reached": the line is beyond already; "undecided": the level lies within the line's own uncertainty today.
    ``level`` is which of the two it is; None where that is neither.
    """

    state: str
    earliest: float | None = None
    latest: float | None = None
    level: float | None = field(default=None, compare=False)


def fit(
    days: Sequence[float], values: Sequence[float], u: Sequence[float], when: Callable[[float], str] = lambda day: f"day {day:g}"
) -> Line | str:
    """The weighted line through the newest year of the values, or why there is none. Weights 1/(u^2 + tau^2), see ``_between``.

    Where they bend, the newer half of them is tried, and of that the newer half: a drift that began lately. A step is refused at once.
    ``when`` says a day in words.
    """
    import numpy as np

    day, y, own = (np.asarray(one, float) for one in (days, values, u))
    order = np.argsort(day, kind="stable")
    order = order[day[order] >= day.max(initial=-math.inf) - WINDOW]
    found = newer = _fit(day[order], y[order], own[order], when)
    while isinstance(newer, Bent):
        order = order[len(order) // 2 :]
        if len(order) < LEAST or np.ptp(day[order]) < SPAN:
            return found
        newer = _fit(day[order], y[order], own[order], when)
    return newer


def _fit(day: NDArray[Any], y: NDArray[Any], u: NDArray[Any], when: Callable[[float], str]) -> Line | str:
    """The line through all of them, or why there is none; a step, a curve and neighbouring residuals that go together are refused."""
    import numpy as np

    count = len(y)
    if count < LEAST:
        return f"{count} of the {LEAST} values of one epoch and year that a drift needs"
    span = float(np.ptp(day))
    if span < SPAN:
        return f"the values span {span:.0f} days; a drift needs {SPAN:.0f}"
    weights = 1 / (u**2 + _between(day, y, u))
    mean, middle, slope, sxx, residuals = _line(day, y, weights)
    scale = float(weights @ residuals**2) / (count - 2)
    if scale <= 1e-24 * float(weights @ y**2):
        return "the values lie on a line without any scatter: its uncertainty is not known"
    t95 = student.quantile(count - 2, 0.95)
    slopes = abs(slope) > student.quantile(count - 2, 0.99) * math.sqrt(scale / sxx)
    if slopes and (stepped := _step(day, y, weights, residuals)) is not None:
        return f"a step on {when(stepped)} explains the values better than a line: accept a record after it"
    if why := _bent(day, residuals, weights, student.quantile(count - 3, 0.99)):
        return Bent(f"the values do not follow a straight line ({why}): look at them")
    variances = scale / float(weights.sum()), scale / sxx
    return Line(mean, middle, slope, variances, t95, float(day.max()), count, span)


def _step(day: NDArray[Any], y: NDArray[Any], weights: NDArray[Any], residuals: NDArray[Any]) -> float | None:
    """The first day of the second of two levels, where the best two fit better than the line and than a bent one.

    Better than the line by more than ln n of n ln(squares): the day is one number more (Schwarz).
    """
    import numpy as np

    last = np.flatnonzero(np.diff(day) > 0)  # of the first level
    about = y - float(weights @ y) / float(weights.sum())
    sums, moments = np.cumsum(weights), np.cumsum(weights * about)
    explained = moments[last] ** 2 * (1 / sums[last] + 1 / (sums[-1] - sums[last]))  # the whole's moment is 0
    left = float(weights @ about**2) - float(explained.max())
    line = float(weights @ residuals**2)
    if len(day) * math.log(line / max(left, 1e-12 * line)) <= math.log(len(day)):
        return None
    curve = _line(day, (day - day.mean()) ** 2, weights)[4]
    bent = line - float(weights @ (curve * residuals)) ** 2 / max(float(weights @ curve**2), 1e-300)
    return float(day[last[int(explained.argmax())] + 1]) if left < bent else None


def _bent(day: NDArray[Any], residuals: NDArray[Any], weights: NDArray[Any], quantile: float) -> str:
    """What the residuals of a line say against it: they curve (beyond the 99 % quantile), or neighbours go together."""
    lag1 = correlation(residuals)
    if lag1 > 0 and correlated(lag1, len(day)):
        return f"neighbouring residuals go together, lag-1 correlation {lag1:.2f}"
    curve = _line(day, (day - day.mean()) ** 2, weights)[4]  # what of a parabola no line explains
    square = float(weights @ curve**2)
    if square <= 1e-12 * float(weights @ (day - day.mean()) ** 4):
        return ""  # values of two days only: nothing tells a bend
    bend = float(weights @ (curve * residuals)) / square
    left = float(weights @ (residuals - bend * curve) ** 2) / (len(day) - 3)
    return "it bends" if abs(bend) > quantile * math.sqrt(left / square) else ""


def _line(day: NDArray[Any], y: NDArray[Any], weights: NDArray[Any]) -> tuple[float, float, float, float, NDArray[Any]]:
    total = float(weights.sum())
    mean, middle = float(weights @ day) / total, float(weights @ y) / total
    sxx = float(weights @ (day - mean) ** 2)
    slope = float(weights @ ((day - mean) * (y - middle))) / sxx
    return mean, middle, slope, sxx, y - middle - slope * (day - mean)


def _between(day: NDArray[Any], y: NDArray[Any], u: NDArray[Any]) -> float:
    """tau^2 beyond u that makes the weighted squares of the residuals n - 2 (Mandel and Paule), 0 where u alone explains them."""

    def excess(tau: float) -> float:
        weights = 1 / (u**2 + tau)
        return float(weights @ _line(day, y, weights)[4] ** 2) - (len(y) - 2)

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(y.var()) * len(y)  # there the squares come to 1 at most
    for _ in range(50):
        tau = (low + high) / 2
        low, high = (tau, high) if excess(tau) > 0 else (low, tau)
    return (low + high) / 2


def reach(line: Line, low: float, high: float) -> Reach:
    """When the line first leaves low ... high. The 95 % set of days is Fieller's: all at which a level lies within the line's band.

    ``low`` is -inf for a quantity that cannot be negative: only ``high`` is a level then.
    """
    half = line.half(line.last)
    now = line.at(line.last)
    if now - half > high or now + half < low:
        return Reach("reached", level=high if now > high else low)
    ahead, behind = (high, low) if line.slope > 0 else (low, high)
    if min(high - now, now - low) <= half:
        near = high if high - now < now - low else low
        return Reach("undecided", 0.0, _crossing(line, near)[1] if near == ahead else None, near)
    earliest, latest = _crossing(line, ahead)
    if latest is None and (other := _crossing(line, behind)[0]) is not None and (earliest is None or other < earliest):
        earliest, ahead = other, behind
    if earliest is None or earliest > HORIZON:
        return Reach("not within a year")
    return Reach("not before" if latest is None else "reaches", earliest, latest, ahead)


def _crossing(line: Line, level: float) -> tuple[float | None, float | None]:
    """First and last day after the newest value at which the level lies within the band; None: never, or without end.

    The edges solve (m + b s)^2 = q^2 (v_m + v_b s^2), with s from the mean day and m the middle minus the level.
    """
    if math.isinf(level):
        return None, None
    m, (vm, vb), q2 = line.middle - level, line.variances, line.quantile**2
    a, b, c = line.slope**2 - q2 * vb, m * line.slope, m * m - q2 * vm
    root = b * b - a * c
    if root < 0 or a == 0:
        return None, None
    edges = sorted(((-b - math.sqrt(root)) / a, (-b + math.sqrt(root)) / a))
    low, high = (edge + line.mean_day - line.last for edge in edges)
    if a > 0:
        return (low, high) if high > 0 else (None, None)
    return (high, None) if high > 0 else (None, None)
