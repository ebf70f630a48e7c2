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
    basis, slope = np.zeros((len(r), count)), np.zeros((len(r), count))
    row = np.arange(len(r))
    for k in range(4):
        function = np.abs(cell + k - 1)  # even about 0: the function at -1 is that at +1
        within = function < count
        at = row[within], function[within]
        basis[at] += weights[k][within]
        slope[at] += slopes[k][within] / knot
    return basis, slope


def _pieces(t: Array) -> tuple[NDArray[np.intp], Array, Array]:
    """The knot interval of each t, and the four functions there with their derivatives: (4, points) each."""
    cell = np.floor(t).astype(np.intp)
    f = t - cell
    g = 1 - f
    weights = np.stack([g**3, 3 * f**3 - 6 * f**2 + 4, 3 * g**3 - 6 * g**2 + 4, f**3]) / 6
    slopes = np.stack([-(g**2), 3 * f**2 - 4 * f, 4 * g - 3 * g**2, f**2]) / 2
    return cell, weights, slopes
