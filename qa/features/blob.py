"""Where the ball is, roughly: one round dark spot inside the field, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa.features.position import Array
from qa.features.region import Region
from qa.features.surface import Surface
from qa.reading import AnalysisError

GRID_MM = 0.6  # search grid: half the smallest radius looked for
RADII_MM = (1.2, 1.8, 2.6, 4.0)  # balls of 2 to 10 mm diameter lie within a factor 1.25 of one of these
RIM_MM = 2.0  # the search keeps this far from the field's edges: the penumbra is darker than any ball
SIGNIFICANT = 6.0  # times the scatter of the (positive) response elsewhere in the field
FAINTEST = 0.004  # a response below this is under half a percent of contrast: no ball phantom is that faint
RIVAL = (0.42, 0.7)
"""A second spot with more than this share of the response is a second ball: at the ball's own scale, and at the next smaller one, where
two balls are told apart better and a screw of the phantom shows too (0.5 was seen)."""


@dataclass(frozen=True)
class Blob:
    """A round dark spot: centre (x, y) mm in the pixel frame, radius by scale, and how far it stands out."""

    x_mm: float
    y_mm: float
    radius_mm: float
    contrast: float


def find_ball(surface: Surface, region: Region) -> Blob:
    """The one round dark spot of the field.

    The response is the smaller eigenvalue of the Hessian of the log signal at the scale of a ball: a rod, a wedge or a field edge is curved
    in one direction only and has none. AnalysisError when there is no ball, or more than one.
    """
    grid, x, y = _log_signal(surface, region)
    inside = region.inside(x[None, :], y[:, None], RIM_MM)
    if inside.sum() < 20:
        raise AnalysisError("the field is too small to look for a ball in it")
    spacing = np.array([y[1] - y[0], x[1] - x[0]])
    responses = [np.where(inside, _roundness(grid, radius / 1.41 / spacing), 0.0) for radius in RADII_MM]
    best = int(np.argmax([response.max() for response in responses]))
    i, j = np.unravel_index(int(np.argmax(responses[best])), responses[best].shape)
    blob = Blob(float(x[j]), float(y[i]), RADII_MM[best], float(responses[best][i, j]))
    far = inside & (np.hypot(x[None, :] - blob.x_mm, y[:, None] - blob.y_mm) > 2.2 * blob.radius_mm)
    rest = responses[best][far]
    scatter = float(np.sqrt(np.mean(np.clip(rest, 0, 0.5 * blob.contrast) ** 2))) if rest.size else 0.0
    if blob.contrast < max(SIGNIFICANT * scatter, FAINTEST):
        raise AnalysisError("no ball found in the field; check that the phantom is on the couch and inside the field")
    for share, response in zip(RIVAL, reversed(responses[: best + 1]), strict=False):
        if far.any() and response[far].max() > share * response[~far].max():
            raise AnalysisError("more than one ball in the field; use a phantom with one ball, or the multi-target test")
    return blob


def _log_signal(surface: Surface, region: Region) -> tuple[Array, Array, Array]:
    """The log of the signal on the search grid, clipped at a tenth of the open level, with x of its columns and y of its rows."""
    every = max(1, round(GRID_MM / surface.pitch_mm[0])), max(1, round(GRID_MM / surface.pitch_mm[1]))
    x, y = surface.grid()
    rows, columns = (len(y) // every[0]) * every[0], (len(x) // every[1]) * every[1]
    block = surface.values[:rows, :columns].reshape(rows // every[0], every[0], columns // every[1], every[1]).mean(axis=(1, 3))
    open_level = region.level - region.dark
    grid = np.log(np.clip(block / open_level, 0.1, None))
    return grid, x[:columns].reshape(-1, every[1]).mean(axis=1), y[:rows].reshape(-1, every[0]).mean(axis=1)


def _roundness(grid: Array, sigma: Array) -> Array:
    """The smaller eigenvalue of the scale-normalised Hessian: positive where the signal dips in every direction."""
    from scipy.ndimage import gaussian_filter

    s = float(np.sqrt(sigma[0] * sigma[1]))
    smooth = gaussian_filter(grid, sigma, mode="nearest", truncate=3.0)
    dy, dx = np.gradient(smooth)
    dyy, dyx = np.gradient(dy)
    dxx = np.gradient(dx, axis=1)
    mean, half = (dxx * sigma[1] ** 2 + dyy * sigma[0] ** 2) / 2, (dxx * sigma[1] ** 2 - dyy * sigma[0] ** 2) / 2
    return np.asarray(mean - np.sqrt(half**2 + (dyx * s * s) ** 2))
