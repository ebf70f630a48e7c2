"""Pixel averages of a smooth function from a lattice of point samples, without one more evaluation."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
HALF = 4  # samples on either side that take part


def _cell_weights() -> Array:
    """Weights on 2 HALF + 1 neighbours that average every polynomial up to degree 2 HALF + 1 over the middle cell."""
    offsets = np.arange(-HALF, HALF + 1, dtype=float)
    degree = np.arange(offsets.size)
    mean = np.where(degree % 2 == 0, 0.5**degree / (degree + 1), 0.0)
    weights: Array = np.linalg.solve(offsets ** degree[:, None], mean).astype(np.float64)
    return weights


WEIGHTS = _cell_weights()
STEP = 0.45  # lattice step over the finest sigma at which the average is good to 4e-7 of the open beam


def pixel_averages(function: Callable[[Array, Array], Array], rows: range, columns: range, oversample: int) -> Array:
    """Averages of function(row, column) over the pixels rows x columns, from oversample^2 samples per pixel.

    The function receives a column of row positions and a row of column positions (pixel units) and broadcasts.
    """
    row, column = _lattice(rows, oversample)[:, None], _lattice(columns, oversample)[None, :]
    values = np.broadcast_to(function(row, column), (row.size, column.size))
    return _binned(_binned(values, oversample).T, oversample).T


def spread(
    image: Array, window: tuple[range, range], target: tuple[range, range], sigma_px: tuple[float, float]
) -> Array:
    """A Gaussian of (row, column) sigma laid over an image that is zero outside its window, read on the target pixels.

    Exact to rounding for a sigma above 1.5 pixels; `image` covers the window (rows, columns).
    """
    down, across = (_kernel(to, of, sigma) for to, of, sigma in zip(target, window, sigma_px, strict=True))
    result: Array = down @ image @ across.T
    return result


def _kernel(target: range, window: range, sigma: float) -> Array:
    distance = np.subtract.outer(np.asarray(target), np.asarray(window))
    result: Array = np.exp(-(distance**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    return result


def _lattice(pixels: range, oversample: int) -> Array:
    count = len(pixels) * oversample + 2 * HALF
    return pixels.start - 0.5 + (np.arange(count) - HALF + 0.5) / oversample


def _binned(values: Array, oversample: int) -> Array:
    """Cell averages along the first axis, then the mean of the `oversample` cells of each pixel."""
    count = values.shape[0] - 2 * HALF
    cells = sum(weight * values[k : k + count] for k, weight in enumerate(WEIGHTS))
    result: Array = np.asarray(cells).reshape(count // oversample, oversample, -1).mean(axis=1)
    return result
