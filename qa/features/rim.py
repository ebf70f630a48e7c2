"""A ball's centre from its rim: a circle through the half-depth points of rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.patch import Patch, ProfileFit, rim_mm
from qa.features.position import Array, clustered_u, middle

RAYS = 72
STEP_MM = 0.1
NEAR_MM = 0.4  # a ray counts when it is free this far to either side of the rim
NEIGHBOURS = 6  # rays whose noise is taken as common


@dataclass(frozen=True)
class Rim:
    """Centre (x, y) mm, its standard uncertainty, the scatter of the radius, and the rays used."""

    centre_mm: Array
    u_mm: Array
    scatter_mm: float
    rays: int


def rim(patch: Patch, fit: ProfileFit) -> Rim:
    """The circle through the half-depth points of 72 rays, outliers beyond 4 robust standard deviations and covered rays left out."""
    from scipy.ndimage import map_coordinates

    step = float(patch.y_mm[1] - patch.y_mm[0]), float(patch.x_mm[1] - patch.x_mm[0])
    angle = (np.arange(RAYS) + 0.5) * 2 * np.pi / RAYS
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    r = np.arange(0.4 * fit.radius_mm, rim_mm(fit.radius_mm) + STEP_MM, STEP_MM)
    centre = fit.centre_mm.copy()
    for _ in range(2):
        rows = (centre[1] + r * normal[:, 1:] - patch.y_mm[0]) / step[0]
        columns = (centre[0] + r * normal[:, :1] - patch.x_mm[0]) / step[1]
        depth = map_coordinates(fit.ball_log, [rows, columns], order=3, mode="nearest")
        near = np.abs(r - fit.radius_mm) < NEAR_MM
        covered = map_coordinates((~fit.valid).astype(np.float64), [rows[:, near], columns[:, near]], order=1).max(axis=1) > 0.01
        radius = np.where(covered, np.nan, _crossing(depth, r, -fit.depth / 2))
        shift, u, residual, kept = _circle(radius, normal)
        centre = centre + shift
    if not kept.any():
        return Rim(centre, np.full(2, np.inf), np.inf, 0)
    return Rim(centre, u, float(np.sqrt(np.mean(residual**2))), int(kept.sum()))


def _crossing(depth: Array, r: Array, level: float) -> Array:
    """Radius where each ray rises through the level, linear between samples, the one nearest to the middle; NaN where it does not."""
    below, above = depth[:, :-1], depth[:, 1:]
    rises = (below < level) & (above >= level)
    where = np.where(rises, r[:-1] + (level - below) / np.where(rises, above - below, 1.0) * (r[1] - r[0]), np.inf)
    nearest = np.take_along_axis(where, np.argmin(np.abs(where - r.mean()), axis=1)[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(nearest), nearest, np.nan)


def _circle(radius: Array, normal: Array) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Shift of the centre, its uncertainty, residuals and which rays: radius = R + shift . normal, without outliers."""
    use = np.isfinite(radius)
    design = np.hstack([np.ones((len(radius), 1)), normal])
    for _ in range(3):
        if use.sum() < 12:
            return np.zeros(2), np.full(2, np.inf), np.zeros(0), np.zeros(len(radius), dtype=bool)
        solution = np.linalg.solve(design[use].T @ design[use], design[use].T @ radius[use])
        residual = radius - design @ solution
        spread = 1.4826 * middle(np.abs(residual[use]))
        keep = np.isfinite(radius) & (np.abs(residual) <= 4 * spread + 1e-9)
        fitted, use = use, keep
        if (fitted == use).all():
            break
    influence = np.linalg.pinv(design[fitted]).T[:, 1:] * residual[fitted][:, None]
    u = clustered_u(influence, (np.arange(len(radius)) // NEIGHBOURS)[fitted])
    return solution[1:], u, residual[fitted], fitted
