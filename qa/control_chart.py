"""Control charts of one number over time: an EWMA that warns, an individuals chart beside it, and why their limits may be wrong.

Physics: docs/physics/trend.md, sections 2 and 3. Values are in the quantity's own unit, in order of time, of one epoch. An alarm warns
and never changes an outcome.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

WEIGHT = 0.1  # of the newest value in the EWMA, and
WIDTH = 2.703  # its width in sigma: together a false alarm in 361 tests on average (docs/physics/trend.md, section 3)
PROVISIONAL, FROZEN = 8, 20  # values that the limits are made of: from 8 they are shown, at 20 they stay (section 2)
D2 = 1.128  # mean moving range of two over sigma, for normal values: 2/sqrt(pi)
INDIVIDUALS = 2.66  # 3/D2: the individuals chart's width in mean moving ranges


@dataclass(frozen=True)
class Chart:
    """``centre`` and ``sigma`` of the first ``count`` values; ``ewma`` with its half width ``half`` at each value.

    ``beyond`` are the indices at which the EWMA is outside (the alarm), ``outside`` those of single values outside the individuals
    chart's limits centre +/- ``spread``. ``lag1`` is the correlation of neighbouring values; ``cautions`` say when limits are wrong.
    """

    centre: float
    sigma: float
    count: int
    spread: float
    ewma: tuple[float, ...]
    half: tuple[float, ...]
    beyond: tuple[int, ...]
    outside: tuple[int, ...]
    lag1: float
    cautions: tuple[str, ...]

    @property
    def provisional(self) -> bool:
        """Whether the limits still move with every new value."""
        return self.count < FROZEN

    @property
    def alarm(self) -> int | None:
        """Since which value the EWMA has been outside without a break until the newest one; None where the newest is inside."""
        return _unbroken(self.beyond, len(self.ewma))


@dataclass(frozen=True)
class NoChart:
    """Why there is no chart. Where the values that limits are made of were all one, ``same``, ``beyond`` are the indices of others.

    ``seen`` is how many values there are.
    """

    reason: str
    same: float | None = None
    beyond: tuple[int, ...] = ()
    seen: int = 0

    @property
    def alarm(self) -> int | None:
        """Since which value none has been as the first ones were, until the newest one; None where the newest is."""
        return _unbroken(self.beyond, self.seen)


def _unbroken(beyond: Sequence[int], count: int) -> int | None:
    """Where the run of neighbouring indices begins that ends at the newest of ``count`` values; None where it does not end there."""
    first = count
    for index in reversed(beyond):
        if index != first - 1:
            break
        first = index
    return first if first < count else None


def chart(values: Sequence[float]) -> Chart | NoChart:
    """Both charts of the values of one epoch, the oldest first; NoChart for fewer than 8, or first ones that do not scatter."""
    import numpy as np

    if len(values) < PROVISIONAL:
        left = PROVISIONAL - len(values)
        return NoChart(f"{len(values)} of the {PROVISIONAL} values that control limits need: {left} more in this epoch give a chart")
    x = np.asarray(values, float)
    first = x[:FROZEN]
    mean_range, size = float(np.abs(np.diff(first)).mean()), float(np.abs(first).max())
    if mean_range <= 1e-12 * size:
        which = "the values are" if len(x) == len(first) else f"the first {len(first)} values are"
        why = f"{which} all the same: they do not scatter, so nothing tells how much is unusual"
        return NoChart(why, float(first[0]), tuple(np.flatnonzero(np.abs(x - first[0]) > 1e-9 * size).tolist()), len(x))
    centre, sigma, spread = float(first.mean()), mean_range / D2, INDIVIDUALS * mean_range
    z, half = ewma(x, centre), half_widths(len(x), sigma)
    beyond, outside = np.flatnonzero(np.abs(z - centre) > half), np.flatnonzero(np.abs(x - centre) > spread)
    lag1 = correlation(first)
    cautions = tuple(filter(None, (_correlated(lag1, len(first)), _rounded(first, sigma))))
    return Chart(
        *(centre, sigma, len(first), spread, tuple(z.tolist()), tuple(half.tolist())),
        *(tuple(beyond.tolist()), tuple(outside.tolist()), lag1, cautions),
    )


def ewma(values: ArrayLike, centre: ArrayLike) -> NDArray[Any]:
    """z = 0.1 x + 0.9 z along the last axis, beginning at the centre (a number, or one per row)."""
    import numpy as np

    x = np.asarray(values, float)
    z, last = np.empty_like(x), np.broadcast_to(np.asarray(centre, float), x.shape[:-1])
    for t in range(x.shape[-1]):
        last = WEIGHT * x[..., t] + (1 - WEIGHT) * last
        z[..., t] = last
    return z


def half_widths(count: int, sigma: ArrayLike, before: int = 0) -> NDArray[Any]:
    """L sigma sqrt(l/(2 - l) (1 - (1 - l)^(2t))) for t = before + 1 ... before + count, along a new last axis."""
    import numpy as np

    t = np.arange(before + 1, before + count + 1)
    growth = np.sqrt(WEIGHT / (2 - WEIGHT) * (1 - (1 - WEIGHT) ** (2 * t)))
    half: NDArray[Any] = WIDTH * np.asarray(sigma, float)[..., None] * growth
    return half


def correlation(values: ArrayLike) -> float:
    """Lag-1 autocorrelation; its expectation for independent values is -1/n. 0 for values that do not vary."""
    import numpy as np

    x = np.asarray(values, float)
    apart = x - x.mean()
    square = float(apart @ apart)
    return float(apart[1:] @ apart[:-1]) / square if square > 0 else 0.0


def correlated(lag1: float, count: int) -> bool:
    """Whether a lag-1 correlation is more than chance gives (about 1 in 20) among ``count`` independent values."""
    return abs(lag1 + 1 / count) > 2 / math.sqrt(count)


def _correlated(lag1: float, count: int) -> str:
    if not correlated(lag1, count):
        return ""
    wrong = "too narrow: false alarms come far more often" if lag1 > 0 else "too wide: shifts are seen late"
    return f"neighbouring values go together (lag-1 correlation {lag1:.2f} of {count} values): the limits are {wrong}"


def _rounded(values: NDArray[Any], sigma: float) -> str:
    import numpy as np

    steps = np.diff(sorted(set(values.tolist())))  # numpy.unique would load its masked arrays, a twentieth of a second
    if steps.min(initial=math.inf) < sigma:
        return ""
    return f"the values lie {steps.min():.3g} apart, as coarse as their scatter ({sigma:.3g}): they are rounded, and the limits are wrong"
