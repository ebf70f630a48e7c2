"""Where beam axes meet: least squares, and the smallest sphere that all of them touch, with a certificate.

Everything is relative to a ball that appears in every image, so the panel's position drops out. See docs/physics/winston_lutz.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TIE_MM = 0.001  # points whose largest distances differ by less are as good as each other
RIDGE = 1e-9  # of the mean square beside the largest: keeps the equations solvable along directions that no axis fixes
OUTER_STEPS, INNER_STEPS = 8, 12  # the barrier shrinks tenfold each time, to 1e-8 of the radius squared
ROUGH_STEPS = 5  # to 1e-5: enough to see how noise widens a sphere
CENTRED = 1e-3  # Newton decrement at which a step no longer matters
SMALL = 6.0  # sizes below this many uncertainties are compared with no size at all
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
    """Where axes meet, mm from the ball: the point (3,) or (2,), the smallest radius, and how far that is above its lower bound."""

    point_mm: Array
    radius_mm: float
    gap_mm: float


def least_squares(matrix: Array, offsets: Array) -> Array:
    """The point with the smallest sum of squared distances to the axes: ``matrix`` (n, 2, p), ``offsets`` (n, 2), mm."""
    return np.asarray(np.linalg.lstsq(matrix.reshape(-1, matrix.shape[-1]), offsets.ravel(), rcond=None)[0])


def smallest_sphere(matrix: Array, offsets: Array) -> Meeting:
    """The smallest sphere that all axes touch, and its centre.

    ``matrix`` (n, 2, p), ``offsets`` (n, 2), mm. The radius is the smallest possible one; convex, so it can be certified: for any weights w
    (sum 1) the weighted least-squares point p_w gives the lower bound sqrt(sum w r^2) on it, and ``gap_mm`` is the radius found minus such
    a bound. Axes that are nearly parallel leave the centre open along themselves, so of all points whose largest distance is within 1
    micrometre of the radius (less than the axes are known) the one with the least sum of squares is taken.
    """
    outermost, weights = _outermost(matrix, offsets[None])
    radius = float(_distances(matrix, offsets[None], outermost)[0].max())
    normal = np.einsum("n,nij,nik->jk", weights[0], matrix, matrix) + 1e-12 * np.eye(matrix.shape[-1])
    weighted = np.linalg.solve(normal, np.einsum("n,nij,ni->j", weights[0], matrix, offsets))
    lower = float(np.sqrt(weights[0] @ _distances(matrix, offsets[None], weighted[None])[0] ** 2))
    settled = _settled(matrix, offsets[None], outermost)
    return Meeting(settled[0], radius, max(radius - lower, 0.0))


def radii(matrix: Array, offsets: Array) -> Array:
    """Radii (sets,) of the smallest spheres of many sets at once, to 1e-4 of themselves: ``offsets`` (sets, n, 2)."""
    return np.asarray(_distances(matrix, offsets, _outermost(matrix, offsets, ROUGH_STEPS)[0]).max(axis=1))


def centres(matrix: Array, offsets: Array) -> Array:
    """Centres (sets, p) of the smallest spheres of many sets at once: ``offsets`` (sets, n, 2)."""
    return _settled(matrix, offsets, _outermost(matrix, offsets)[0])


def centre_covariance(matrix: Array, offsets: Array, u_mm: Array) -> Array:
    """(p, p) mm^2: how the centre scatters when every offset is shaken by its standard uncertainty ``u_mm`` (n, 2)."""
    return np.asarray(np.cov(centres(matrix, offsets + _noise(offsets) * u_mm).T))


def _noise(offsets: Array) -> Array:
    """(RESAMPLES, n, 2) standard normal numbers, the same every time."""
    return np.random.default_rng(SEED).standard_normal((RESAMPLES, *offsets.shape))


def _distances(matrix: Array, offsets: Array, points: Array) -> Array:
    """(sets, n) distances of points (sets, p) from the axes."""
    rest = _rest(matrix, offsets, points)
    return np.asarray(np.sqrt(rest[..., 0] ** 2 + rest[..., 1] ** 2))  # the same to the bit as a sum over two, in a third of its time


def _rest(matrix: Array, offsets: Array, points: Array) -> Array:
    """(sets, n, 2) from points (sets, p) to the axes; one matrix product, because einsum costs ten times as much here."""
    return np.asarray(offsets - (points @ matrix.reshape(-1, matrix.shape[-1]).T).reshape(offsets.shape))


def _outermost(matrix: Array, offsets: Array, steps: int = OUTER_STEPS) -> tuple[Array, Array]:
    """Points (sets, p) that minimise the largest distance, and dual weights (sets, n): t is minimised with r_k^2 < t."""
    sets, count, size = len(offsets), len(matrix), matrix.shape[-1]
    point = offsets.reshape(sets, -1) @ np.linalg.pinv(matrix.reshape(-1, size)).T
    scale = np.maximum(_distances(matrix, offsets, point).max(axis=1), 1e-9)
    offsets, unknown = offsets / scale[:, None, None], np.hstack([point / scale[:, None], np.full((sets, 1), 1.2)])
    ones, curved = np.ones((sets, count, 1)), _curved(matrix)

    def room(unknown: Array) -> Array:
        return np.asarray(unknown[:, size:] - _distances(matrix, offsets, unknown[:, :size]) ** 2)

    def barrier(unknown: Array, mu: float) -> tuple[Array, Array]:
        pull, slope = 1 / room(unknown), _slopes(matrix, offsets, unknown[:, :size])
        steep = np.concatenate([slope, -ones], axis=2) * pull[..., None]
        gradient = steep.sum(axis=1)
        gradient[:, size] += 1 / mu
        hessian = steep.transpose(0, 2, 1) @ steep
        hessian[:, :size, :size] += np.tensordot(pull + RIDGE / mu, curved, axes=1)
        return gradient, hessian

    unknown, slack = _descend(barrier, room, unknown, steps)
    weights = 1 / slack
    return unknown[:, :size] * scale[:, None], weights / weights.sum(axis=1, keepdims=True)


def _settled(matrix: Array, offsets: Array, outermost: Array) -> Array:
    """Points (sets, p) with the least sum of squares among those within TIE_MM of the smallest largest distance."""
    count = len(matrix)
    limit = (_distances(matrix, offsets, outermost).max(axis=1) + TIE_MM)[:, None]
    offsets, curved = offsets / limit[..., None], _curved(matrix)

    def room(unknown: Array) -> Array:
        return np.asarray(1 - _distances(matrix, offsets, unknown) ** 2)

    def barrier(unknown: Array, mu: float) -> tuple[Array, Array]:
        wall, slope = 1 / room(unknown), _slopes(matrix, offsets, unknown)
        pull, steep = wall + 1 / (count * mu), slope * wall[..., None]
        gradient = (pull[:, None, :] @ slope)[:, 0]
        return gradient, np.tensordot(pull, curved, axes=1) + steep.transpose(0, 2, 1) @ steep

    return np.asarray(_descend(barrier, room, outermost / limit)[0] * limit)


def _slopes(matrix: Array, offsets: Array, point: Array) -> Array:
    """The gradient of r^2: (sets, n, p)."""
    rest = _rest(matrix, offsets, point)
    return np.asarray(-2 * (rest[..., :1] * matrix[:, 0] + rest[..., 1:] * matrix[:, 1]))


def _curved(matrix: Array) -> Array:
    """The Hessian of r^2: (n, p, p)."""
    return np.asarray(2 * matrix.transpose(0, 2, 1) @ matrix)


def _descend(
    barrier: Callable[[Array, float], tuple[Array, Array]], room: Callable[[Array], Array], unknown: Array, steps: int = OUTER_STEPS
) -> tuple[Array, Array]:
    """The minimum of a logarithmic barrier as it shrinks, by damped Newton steps that keep ``room`` positive, and the room left.

    Source: interior-point method for self-concordant barriers (Boyd and Vandenberghe 2004, chapters 9 and 11; recalled).
    """
    mu = 1.0
    for _ in range(steps):
        mu *= 0.1
        for _ in range(INNER_STEPS):
            gradient, hessian = barrier(unknown, mu)
            step = np.linalg.solve(hessian, -gradient[..., None])[..., 0]
            decrement = np.sqrt(np.maximum(-(gradient * step).sum(axis=1), 0.0))[:, None]
            if decrement.max() < CENTRED:
                break
            damped = np.where(decrement > 0.25, 1 / (1 + decrement), 1.0)
            while (outside := (room(unknown + damped * step) <= 0).any(axis=1)).any():  # rounding can carry a step over the wall
                damped[outside] /= 2
            unknown = unknown + damped * step
    return unknown, room(unknown)


@dataclass(frozen=True)
class Size:
    """Diameter of the smallest sphere with the noise's share taken out, its standard uncertainty, 95 % interval, and the raw diameter."""

    diameter_mm: float
    u_mm: float
    interval_mm: tuple[float, float]
    raw_mm: float


def size(matrix: Array, offsets: Array, u_mm: Array, meeting: Meeting) -> Size:
    """How large the sphere is without the noise that widens it.

    ``u_mm`` (n, 2) are the standard uncertainties of the offsets. As much noise again is added many times: diameter squared grows
    linearly with the noise variance, and the line is followed back to none. Fails (interval from 0) when noise dominates.
    """
    noise = _noise(offsets) * u_mm
    again = radii(matrix, offsets + noise)
    raw = 2 * meeting.radius_mm
    grown = float(np.mean((2 * again) ** 2)) - raw**2
    debiased = float(np.sqrt(max(0.0, raw**2 - max(grown, 0.0))))
    u = float(np.hypot(np.std(2 * again), meeting.gap_mm))
    low, high = (float(q) for q in np.quantile(2 * again - np.mean(2 * again), (0.025, 0.975)))
    least = max(0.0, debiased - high)
    if least > 0 and debiased < SMALL * u:  # could a machine without any size have given this?
        least = least if raw > float(np.quantile(2 * radii(matrix, noise), 0.975)) else 0.0
    return Size(debiased, u, (least, max(debiased - low, debiased)), raw)
