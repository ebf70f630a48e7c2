"""Where beam axes meet: least squares, and the smallest sphere that all of them touch, with a certificate.

Everything is relative to a ball that appears in every image, so the panel's position drops out. See docs/physics/winston_lutz.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GAP_MM = 5e-5  # the certificate: the radius found is at most this much above the smallest possible one
RESAMPLES = 128  # their standard deviation is then known to 6 %
SEED = 20260101  # resampling is part of the algorithm: the same input gives the same answer


def rows(gantry_deg: Array, couch_deg: Array) -> Array:
    """(images, 2, 3): what a point p in the couch's frame (F at couch 0) adds to (xg, yg) of each image.

    xg = x cos g - z sin g and yg = y with x = xc cos f - yc sin f, y = xc sin f + yc cos f (IEC 61217; Low et al. 1995, generalised).
    """
    g, f = np.radians(gantry_deg), np.radians(couch_deg)
    first = np.stack([np.cos(g) * np.cos(f), -np.cos(g) * np.sin(f), -np.sin(g)], axis=-1)
    second = np.stack([np.sin(f), np.cos(f), np.zeros_like(f)], axis=-1)
    return np.stack([first, second], axis=-2)


def towards_source(gantry_deg: Array, couch_deg: Array) -> Array:
    """(images, 3): zg = row . p, how far a point of the couch's frame is towards the source."""
    g, f = np.radians(gantry_deg), np.radians(couch_deg)
    return np.stack([np.sin(g) * np.cos(f), -np.sin(g) * np.sin(f), np.cos(g)], axis=-1)


@dataclass(frozen=True)
class Meeting:
    """Where axes meet, mm from the ball: the point (3,) or (2,), the largest distance to an axis, and how far that is above the lower bound."""

    point_mm: Array
    radius_mm: float
    gap_mm: float


def least_squares(matrix: Array, offsets: Array) -> Array:
    """The point with the smallest sum of squared distances to the axes: ``matrix`` (n, 2, p), ``offsets`` (n, 2), mm."""
    return np.asarray(np.linalg.lstsq(matrix.reshape(-1, matrix.shape[-1]), offsets.ravel(), rcond=None)[0])


def smallest_sphere(matrix: Array, offsets: Array) -> Meeting:
    """The point whose largest distance to the axes is smallest.

    Convex: for weights w (sum 1) the weighted least-squares point p_w gives the lower bound sqrt(sum w r^2) and the upper bound max r on the
    radius; Lawson's iteration w <- w r closes the gap. ``gap_mm`` is the certificate.
    """
    weights = np.full((1, len(offsets)), 1.0 / len(offsets))
    best_point, best, lower = np.zeros(matrix.shape[-1]), np.inf, 0.0
    power = 1.0
    for _ in range(4000):
        point, distance = _weighted(matrix, offsets[None], weights)
        upper = float(distance.max())
        if upper < best:
            best, best_point = upper, point[0]
        lower = max(lower, float(np.sqrt((weights * distance**2).sum())))
        if best - lower < GAP_MM:
            break
        weights = weights * np.maximum(distance, 1e-12) ** power
        weights /= weights.sum()
    return Meeting(best_point, best, max(best - lower, 0.0))


def radii(matrix: Array, offsets: Array, iterations: int = 120) -> tuple[Array, Array]:
    """Smallest-sphere radii and points of many sets at once: ``offsets`` (sets, n, 2); near the optimum, without certificate."""
    weights = np.full(offsets.shape[:2], 1.0 / offsets.shape[1])
    best, points = np.full(len(offsets), np.inf), np.zeros((len(offsets), matrix.shape[-1]))
    for _ in range(iterations):
        point, distance = _weighted(matrix, offsets, weights)
        upper = distance.max(axis=1)
        better = upper < best
        best, points = np.where(better, upper, best), np.where(better[:, None], point, points)
        weights = weights * np.maximum(distance, 1e-12)
        weights /= weights.sum(axis=1, keepdims=True)
    return best, points


def _weighted(matrix: Array, offsets: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted least-squares points (sets, p) and distances (sets, n)."""
    squares = np.einsum("nij,nik->njk", matrix, matrix)
    normal = np.tensordot(weights, squares, axes=1)
    normal += 1e-9 * np.eye(matrix.shape[-1])
    right = np.einsum("bn,nij,bni->bj", weights, matrix, offsets, optimize=True)
    point = np.linalg.solve(normal, right[..., None])[..., 0]
    rest = offsets - np.einsum("nij,bj->bni", matrix, point)
    return point, np.sqrt((rest**2).sum(axis=-1))


@dataclass(frozen=True)
class Size:
    """Diameter of the smallest sphere with the noise's share taken out, its standard uncertainty, 95 % interval, and the raw diameter.

    ``point_u_mm`` is the standard uncertainty of the sphere's centre and ``covariance`` (p, p) mm^2 its covariance.
    """

    diameter_mm: float
    u_mm: float
    interval_mm: tuple[float, float]
    raw_mm: float
    covariance: Array


def size(matrix: Array, offsets: Array, u_mm: Array, meeting: Meeting) -> Size:
    """How large the sphere is without the noise that widens it.

    ``u_mm`` (n, 2) are the standard uncertainties of the offsets. As much noise again is added many times: diameter squared grows
    linearly with the noise variance, and the line is followed back to none. Fails (interval from 0) when noise dominates.
    """
    noise = np.random.default_rng(SEED).standard_normal((RESAMPLES, *offsets.shape))
    again, points = radii(matrix, offsets + noise * u_mm)
    raw = 2 * meeting.radius_mm
    grown = float(np.mean((2 * again) ** 2)) - raw**2
    debiased = float(np.sqrt(max(0.0, raw**2 - max(grown, 0.0))))
    u = float(np.hypot(np.std(2 * again), meeting.gap_mm))
    low, high = (float(q) for q in np.quantile(2 * again - np.mean(2 * again), (0.025, 0.975)))
    covariance = np.cov(points.T)
    return Size(debiased, u, (max(0.0, debiased - high), debiased - low), raw, np.asarray(covariance))
