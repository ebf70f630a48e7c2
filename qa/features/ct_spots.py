"""Where round parts of a phantom are in a slice: by their centroid and by a fitted blurred disc, to a few hundredths of a millimetre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa.features.ct_scan import View
from qa.features.position import Array, middle

BACK_MM = 2.2  # how far beyond its rim a part's surroundings begin: the blur of a CBCT ends there
RING_MM = 2.5  # how wide the surroundings are
STRONG = 8.0  # contrast over the noise of one pixel from which a part's place is worth something
ROUNDS = 12
SETTLED_MM = 1e-4
SHARED = 3.0  # pixels whose noise is one, where a reconstruction's noise is correlated


@dataclass(frozen=True)
class Spot:
    """A round part: centre by fit and by centroid (x, z) in mm, the standard uncertainty of either coordinate from noise, its contrast."""

    x_mm: float
    z_mm: float
    u_mm: float
    centroid_mm: tuple[float, float]
    contrast_hu: float
    noise_hu: float


def spot(view: View, x_mm: float, z_mm: float, radius_mm: float) -> Spot | None:
    """The round part near a place, or None where nothing stands out. AnalysisError where it leaves the picture."""
    for _ in range(2):
        near = view.near(x_mm, z_mm, radius_mm + BACK_MM + RING_MM)
        x, z = near.x_mm[None, :] - x_mm, near.z_mm[:, None] - z_mm
        r = np.hypot(x, z)
        around = (r > radius_mm + BACK_MM) & (r <= radius_mm + BACK_MM + RING_MM)
        values = near.pixels.astype(np.float64)
        back = middle(values[around])
        noise = max(1.4826 * middle(np.abs(values[around] - back)), 0.3)
        inner = r <= max(0.6 * radius_mm, 0.8 * max(near.pitch_mm))
        contrast = float(values[inner].mean()) - back
        if abs(contrast) < STRONG * noise / np.sqrt(max(inner.sum(), 1)):
            return None
        inside = r <= radius_mm + BACK_MM
        weight = (values - back)[inside]
        total = float(weight.sum())
        if total * contrast <= 0:
            return None
        moved = float((weight * (x + 0 * z)[inside]).sum() / total), float((weight * (z + 0 * x)[inside]).sum() / total)
        if np.hypot(*moved) > radius_mm + BACK_MM:
            return None
        x_mm, z_mm = x_mm + moved[0], z_mm + moved[1]
    fitted = _fit(values, x - moved[0], z - moved[1], radius_mm, contrast, back)  # about the place after the last move
    if fitted is None:
        return None
    dx, dz, slope = fitted
    u = noise * float(np.sqrt(SHARED / max(slope, 1e-9)))
    return Spot(x_mm + dx, z_mm + dz, max(u, 1e-3), (x_mm, z_mm), contrast, noise)


def _fit(values: Array, x: Array, z: Array, radius: float, contrast: float, back: float) -> tuple[float, float, float] | None:
    """Least squares of a disc with soft rim, all parts free: (dx, dz) from the start and the summed squared slope along x; None if lost."""
    place = np.array([0.0, 0.0, contrast, 0.6, back, 0.0])  # x, z, contrast, softness, background, and a change of the radius
    use = np.hypot(x, z) <= radius + BACK_MM + RING_MM
    seen, xs, zs = values[use], np.broadcast_to(x, values.shape)[use], np.broadcast_to(z, values.shape)[use]
    grown = radius > 2.5  # a rod of 3 mm does not tell its radius from its blur
    for _ in range(ROUNDS):
        dx, dz = xs - place[0], zs - place[1]
        r = np.maximum(np.hypot(dx, dz), 1e-6)
        t = np.clip((radius + place[5] - r) / place[3], -30, 30)
        share = 1 / (1 + np.exp(-t))
        rim = share * (1 - share) / place[3]
        columns = [place[2] * rim * dx / r, place[2] * rim * dz / r, share, -place[2] * rim * t, np.ones_like(r)]
        if grown:
            columns.append(place[2] * rim)
        design = np.stack(columns, axis=1)
        if not np.isfinite(design).all():
            return None
        step = np.linalg.lstsq(design, seen - place[4] - place[2] * share, rcond=None)[0]
        step[3] = np.clip(step[3], -0.3 * place[3], 0.5 * place[3])
        place[: len(step)] += step
        if np.hypot(place[0], place[1]) > radius or not np.isfinite(place).all():
            return None
        if np.hypot(step[0], step[1]) < SETTLED_MM:
            return float(place[0]), float(place[1]), float((design[:, 0] ** 2).sum())
    return float(place[0]), float(place[1]), float((design[:, 0] ** 2).sum())


Places = Sequence[tuple[float, float]]


def affine(model: Places, seen: Places, weight: Sequence[float]) -> tuple[Array, Array, Array]:
    """The map seen = centre + matrix model by weighted least squares: centre (2), matrix (2, 2), and what is left over (n, 2).

    Fails for fewer than three places.
    """
    design = np.column_stack([np.ones(len(model)), np.asarray(model)])
    w = np.sqrt(np.asarray(weight))[:, None]
    solution = np.linalg.lstsq(design * w, np.asarray(seen) * w, rcond=None)[0]
    return solution[0], solution[1:].T, np.asarray(seen) - design @ solution
