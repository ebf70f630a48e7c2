"""A position found in an image, with its uncertainty and where the uncertainty comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """One algorithm's answer: (x, y) in mm and the standard uncertainty of each from the image itself (k = 1)."""

    method: str
    xy_mm: tuple[float, float]
    u_mm: tuple[float, float]


@dataclass(frozen=True)
class Position:
    """A sub-pixel position in the pixel frame of one image.

    ``x_mm`` grows with the column, ``y_mm`` with the row; the origin is the centre of pixel (0, 0) and the scale that of the pitch the
    finder was given. ``u_mm`` is the standard uncertainty (x, y), ``budget`` its named components (x, y), ``second`` the answer of the
    independent second algorithm, ``size_mm`` (ball: radius; field: full widths and angle) what was recognised.
    """

    x_mm: float
    y_mm: float
    u_mm: tuple[float, float]
    budget: Mapping[str, tuple[float, float]]
    second: Estimate
    size_mm: tuple[float, ...]
    shape: str
    flags: tuple[str, ...] = field(default=())


def middle(values: Array) -> float:
    """The median; np.median without the overhead that dominates for the few dozen values of a profile. Fails for an empty array."""
    ordered = np.sort(values, axis=None)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def clustered_u(influence: Array, cluster: NDArray[np.intp]) -> Array:
    """Standard uncertainty of a sum of correlated contributions, from the scatter of its cluster sums.

    ``influence`` (n, p): what each observation's residual contributed to each estimate; ``cluster`` (n,) labels observations whose noise is
    correlated (a patch larger than the correlation length). Source: cluster-robust (sandwich) covariance, with the n/(n-1) correction.
    """
    count = np.count_nonzero(np.bincount(cluster))
    sums = np.stack([np.bincount(cluster, weights=column) for column in influence.T], axis=1)
    return np.asarray(np.sqrt((sums**2).sum(axis=0) * count / max(count - 1, 1)))
