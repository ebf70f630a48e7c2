"""A ball's centre from how much of each slice lies above half of its contrast: no model of amplitude, blur or noise.

In plane: the middle of everything above the level (softly counted, so that no voxel jumps). Along the axis: the area above the level is
that of a ball's section, A(z) = pi (R^2 - (|z - z0| - d)^2), d for what thick slices add; only its symmetry about z0 is used. The inside
of a clipped ball and streaks below the level do not count at all: what pulls on the model fit leaves this alone, and the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa.features.position import Array
from qa.features.volume_fit import Crop

LOW, HIGH = 0.35, 0.65  # of the contrast that can be seen: counted from none to whole between these
BEYOND_MM = 2.0  # of the radius: what lies further is another thing
SOFT = 0.45  # of a slice: the section's area is averaged over the slice's thickness


@dataclass(frozen=True)
class LevelCentre:
    """Centre (slice, row, column) mm, the radius of the largest section, and two ratios of widths, both 1 for a ball: along the axis over
    across it, along rows over along columns.
    """

    centre_mm: Array
    radius_mm: float
    ratios: Array


def level_centre(crop: Crop, centre_mm: Array, radius_mm: float, around: float, top: float) -> LevelCentre:
    """The centre of what lies above half of the way from ``around`` to ``top``, near the rough centre."""
    z, y, x = crop.axes()
    low, high = around + LOW * (top - around), around + HIGH * (top - around)
    share = np.clip((crop.values - low) / (high - low), 0, 1)
    apart = [(axis - c) for axis, c in zip((z, y, x), centre_mm, strict=True)]
    far = apart[0][:, None, None] ** 2 + apart[1][None, :, None] ** 2 + apart[2][None, None, :] ** 2
    share[far > (radius_mm + BEYOND_MM + crop.pitch_mm[0] / 2) ** 2] = 0
    total = max(float(share.sum()), 1e-9)
    row, column = float((share.sum(axis=(0, 2)) @ y) / total), float((share.sum(axis=(0, 1)) @ x) / total)
    areas = share.sum(axis=(1, 2)) * crop.pitch_mm[1] * crop.pitch_mm[2]
    along, radius = _middle(z, areas, crop.pitch_mm[0])
    spread = np.sqrt([share.sum(axis=(0, 2)) @ (y - row) ** 2 / total, share.sum(axis=(0, 1)) @ (x - column) ** 2 / total])
    spread_z = np.sqrt(share.sum(axis=(1, 2)) @ (z - along) ** 2 / total)
    across = float(np.sqrt(max(spread[0] * spread[1], 1e-18)))
    ratios = np.maximum([spread_z / across, spread[0] / max(float(spread[1]), 1e-9)], 1e-3)
    return LevelCentre(np.array([along, row, column]), radius, ratios)


def _middle(z: Array, areas: Array, pitch: float) -> tuple[float, float]:
    """The plane of symmetry of a ball's sections, and the ball's radius."""
    from scipy.optimize import least_squares

    largest = float(areas.max())
    start = float(areas @ z / max(areas.sum(), 1e-9))
    radius = float(np.sqrt(max(largest, 1e-9) / np.pi))
    nodes, weights = np.polynomial.legendre.leggauss(12)

    def section(p: Array) -> Array:
        outside = np.maximum(np.abs(z[:, None] + SOFT * pitch * nodes - p[0]) - p[2], 0)
        return np.asarray(np.pi * np.maximum(p[1] ** 2 - outside**2, 0) @ weights / 2)

    def misfit(p: Array) -> Array:
        return np.asarray((section(p) - areas) / largest)

    found = least_squares(misfit, np.array([start, radius, 0.1 * pitch]), x_scale=np.full(3, 0.1), method="lm", max_nfev=60)
    return float(found.x[0]), float(abs(found.x[1]))
