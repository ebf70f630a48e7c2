"""What the second engine's numbers of a whole set are worth: its algorithms given nothing but the errors that its images have.

It states no uncertainty and takes no noise out. A largest length, a largest distance and a smallest sphere's diameter are subadditive:
f(v + e) differs from f(v) by at most f(e), whatever the vectors v. So 95 % of f(e) bounds 95 % of what errors e add or take away, and
half of that is the standard uncertainty. An error of a mask of whole pixels is the same in every image of one field, or another in each,
or between: the worse of the two ends counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa import isocentre

Array = NDArray[np.float64]
RESAMPLES = 256  # 95 % of them is then known to 4 %
SEED = 20260103  # resampling is part of the algorithm: the same input gives the same answer
JUNG = 2 / np.sqrt(3) - 1  # a circle about points is at most this much wider than their largest distance (Jung 1901), never narrower


def errors(u_mm: Array) -> tuple[Array, Array]:
    """Twice (RESAMPLES, n, 2) mm for standard uncertainties (n, 2): alike in all images, and another in each."""
    rng = np.random.default_rng(SEED)
    return u_mm * rng.standard_normal((RESAMPLES, 1, 2)), u_mm * rng.standard_normal((RESAMPLES, *u_mm.shape))


def largest(u_mm: Array) -> float:
    """Standard uncertainty of the largest length of vectors with uncertainties (n, 2)."""
    return max(_half(_length(shaken).max(axis=1)) for shaken in errors(u_mm))


def median(vectors_mm: Array, u_mm: Array) -> float:
    """Standard uncertainty of the median length of vectors (n, 2): its scatter, and what noise has already added to it.

    A median is not subadditive. The mean of its square grows with the errors' variance, and the line is followed back to none.
    """
    value = float(np.median(_length(vectors_mm)))

    def worth(shaken: Array) -> float:
        again = np.median(_length(vectors_mm + shaken), axis=1)
        grown = max(0.0, float(np.mean(again**2)) - value**2)
        return float(np.hypot(np.std(again), value - np.sqrt(max(0.0, value**2 - grown))))

    return max(worth(shaken) for shaken in errors(u_mm))


def shift(matrix: Array, u_mm: Array, shift_mm: Array, sad_mm: float) -> Array:
    """(3,) standard uncertainties of a least-squares shift: ``matrix`` (n, 2, 3), ``u_mm`` (n, 2).

    The rays are taken as parallel: a ball off the isocentre by d is seen wrong by at most d^2/SAD.
    """
    inverse = np.linalg.pinv(matrix.reshape(-1, 3))
    scatter = np.max([np.std(shaken.reshape(RESAMPLES, -1) @ inverse.T, axis=0) for shaken in errors(u_mm)], axis=0)
    return np.asarray(np.hypot(scatter, float(shift_mm @ shift_mm) / sad_mm / np.sqrt(3)))


def sphere(matrix: Array, vectors_mm: Array, u_mm: Array, diameter_mm: float) -> float:
    """Standard uncertainty of a smallest sphere's diameter; how far its minimiser stopped above the smallest one counts."""
    smallest = 2 * float(isocentre.radii(matrix, -vectors_mm[None])[0])
    noise = max(_half(2 * isocentre.radii(matrix, shaken)) for shaken in errors(u_mm))
    return float(np.hypot(noise, diameter_mm - smallest))


def widest(u_mm: Array, distance_mm: float) -> float:
    """Standard uncertainty of the largest distance of two points (n, 2) as the diameter of the circle about all of them."""
    noise = max(_half(_length(shaken[:, :, None, :] - shaken[:, None, :, :]).max(axis=(1, 2))) for shaken in errors(u_mm))
    return float(np.hypot(noise, JUNG * distance_mm / np.sqrt(3)))


def _length(vectors_mm: Array) -> Array:
    return np.asarray(np.hypot(vectors_mm[..., 0], vectors_mm[..., 1]))


def _half(numbers: Array) -> float:
    """Half of what 95 % stay below: u, so that 2u is what they stay below."""
    return float(np.quantile(numbers, 0.95)) / 2
