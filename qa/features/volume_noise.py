"""What correlated noise does to a fitted centre: the residuals' own correlation, carried through the fit voxel by voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array

AT_EDGE = 9  # parameters that the edge alone settles: centre, radius, contrast, two blurs, some of the streaks
LAGS = (2, 4, 4)  # voxels (slice, row, column) over which noise is taken as correlated


def centre_covariance(
    shape: tuple[int, ...], place: NDArray[np.intp], influence: Array, residual: Array, seen: NDArray[np.bool_], edge: NDArray[np.bool_]
) -> Array:
    """Covariance (3, 3) of a centre of which each voxel's residual is worth ``influence`` (n, 3).

    ``place`` (n,) are the voxels' flat places in a crop of that ``shape``; ``seen`` says which count, ``edge`` which show the ball's edge:
    noise there may be stronger, but is correlated alike. Never less than what uncorrelated noise would give.
    """
    strength = np.where(edge, _rms(residual[edge]), _rms(residual[seen & ~edge]))
    size = tuple(n + extra for n, extra in zip(shape, LAGS, strict=True))
    pictures = np.zeros((5, *size))
    inside = np.unravel_index(place, shape)
    usable = seen & (strength > 0)
    pictures[0][inside] = np.where(usable, residual / np.maximum(strength, 1e-12), 0)
    pictures[1][inside] = usable
    for k in range(3):
        pictures[2 + k][inside] = influence[:, k] * strength
    spectra = np.fft.rfftn(pictures, axes=(1, 2, 3))
    total, pairs = (np.fft.irfftn(np.abs(spectra[k]) ** 2, size, axes=(0, 1, 2)) for k in (0, 1))
    grid = np.meshgrid(*[np.arange(-n, n + 1) for n in LAGS], indexing="ij")
    lag = tuple(grid)
    correlation = total[lag] / np.maximum(pairs[lag], 1) / max(total[0, 0, 0] / max(pairs[0, 0, 0], 1), 1e-12)
    correlation[pairs[lag] < 30] = 0
    result = np.zeros((3, 3))
    for i in range(3):
        for j in range(i, 3):
            cross = np.fft.irfftn(spectra[2 + i] * np.conj(spectra[2 + j]), size, axes=(0, 1, 2))
            result[i, j] = result[j, i] = float((cross[lag] * correlation).sum())
    alike = max(1.0, float(correlation.sum()))
    apart = np.count_nonzero(edge & seen) / alike  # independent voxels at the edge, against what is fitted there
    result *= apart / max(apart - AT_EDGE, apart / 4, 1e-9) if apart > 0 else 1.0
    white = ((influence * strength[:, None]) ** 2).sum(axis=0)
    short = np.sqrt(np.maximum(white / np.maximum(np.diag(result), 1e-30), 1))  # correlation never makes a centre better known
    return np.asarray(result * np.outer(short, short)) if np.diag(result).min() > 0 else np.diag(np.maximum(white, np.diag(result)))


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else 0.0
