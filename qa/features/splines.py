"""Cubic B-splines with uniform knots, evaluated as dense matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array


def uniform(t: Array, knot: float) -> Array:
    """The cubic B-splines that are not zero on the range of t: (points, functions).

    The knots divide the range evenly, no further apart than asked: seen from the other end they are the same.
    """
    low, length = float(t.min()), float(np.ptp(t))
    count = max(int(np.ceil(length / knot)), 1)
    cell, weights, _ = _pieces(np.minimum((t - low) * (count / max(length, 1e-12)), count - 1e-9))
    basis = np.zeros((len(t), int(cell.max()) + 4))
    row = np.arange(len(t))
    for k in range(4):
        basis[row, cell + k] = weights[k]
    return basis


def even_radial(r: Array, knot: float, end: float) -> tuple[Array, Array]:
    """Cubic B-splines of r that are even about 0 and gone beyond ``end``, and their slopes: (points, functions) each."""
    cell, weights, slopes = _pieces(r / knot)
    count = max(int(end / knot), 2)
    # one column more for the function at -1, which is that at +1, and three for those beyond the end
    wide = max(count, int(cell.max()) + 3) + 1
    flat = np.arange(len(r)) * wide + cell
    both = np.zeros((2, len(r) * wide))
    for k in range(4):
        both[0, flat + k] = weights[k]
        both[1, flat + k] = slopes[k] / knot
    basis, slope = both.reshape(2, len(r), wide)
    for values in (basis, slope):
        values[:, 2] += values[:, 0]
    return basis[:, 1 : count + 1], slope[:, 1 : count + 1]


def _pieces(t: Array) -> tuple[NDArray[np.intp], Array, Array]:
    """The knot interval of each t, and the four functions there with their derivatives: (4, points) each."""
    cell = t.astype(np.intp)  # t is never negative
    f = t - cell
    g = 1 - f
    ff, gg = f * f, g * g
    fff, ggg = ff * f, gg * g  # a power of three takes as long as ten products
    weights = np.stack([ggg, 3 * fff - 6 * ff + 4, 3 * ggg - 6 * gg + 4, fff]) / 6
    slopes = np.stack([-gg, 3 * ff - 4 * f, 4 * g - 3 * gg, ff]) / 2
    return cell, weights, slopes
