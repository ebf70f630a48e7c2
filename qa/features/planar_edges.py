"""The edges of an image on a grid of a millimetre, and what an outline of a phantom found from them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array
from qa.reading import AnalysisError

STEP_MM = 1.0  # the search grid: a QC-3's thin frame is 8 mm wide, and a full panel takes a few milliseconds
WEAKEST = 0.012  # of the signal's range per mm of blur: a plastic frame's edge on a couch has 0.02, noise on this grid under 0.005
CANDIDATES = 24  # outlines handed on


@dataclass(frozen=True)
class Coarse:
    """The image on the search grid: ``signal`` scaled to 0..1, ``step_mm`` (row, column), ``corner_mm`` (row, column) of its first value.

    ``levels`` are the image's values at 0 and 1.
    """

    signal: Array
    step_mm: tuple[float, float]
    corner_mm: tuple[float, float]
    levels: tuple[float, float]


@dataclass(frozen=True)
class Outline:
    """A rectangle or circle on the pixel frame, mm on the isocentre plane (x with columns, y with rows).

    ``angle_deg`` of the width's direction from +x towards +y, in [0, 90); ``shape`` "rectangle" or "circle" (both sizes the diameter);
    ``support`` is the share of the outline that shows, of its worst side.
    """

    shape: str
    centre_mm: tuple[float, float]
    size_mm: tuple[float, float]
    angle_deg: float
    support: float


def coarse(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> Coarse:
    """The image averaged over blocks of a millimetre. AnalysisError when it is blank or not of numbers."""
    every = max(1, round(STEP_MM / pitch_mm[0])), max(1, round(STEP_MM / pitch_mm[1]))
    rows, columns = pixels.shape[0] // every[0], pixels.shape[1] // every[1]
    if min(rows, columns) < 16:
        raise AnalysisError("the image is too small to show a phantom; export the whole image")
    blocks = pixels[: rows * every[0], : columns * every[1]].reshape(rows, every[0], columns, every[1])
    grid = np.asarray(blocks.mean(axis=3).mean(axis=1), dtype=np.float64)
    if not np.isfinite(grid).all():
        raise AnalysisError("the image holds pixels that are not numbers; export it again")
    low, high = np.percentile(grid, (0.5, 99.0))
    if high - low <= 1e-6 * max(abs(float(high)), 1.0):
        raise AnalysisError("the image is blank: nothing stands out; check that the beam was on and repeat the exposure")
    corner = (every[0] - 1) / 2 * pitch_mm[0], (every[1] - 1) / 2 * pitch_mm[1]
    signal = np.clip((grid - low) / (high - low), -0.1, 1.1)
    return Coarse(signal, (every[0] * pitch_mm[0], every[1] * pitch_mm[1]), corner, (float(low), float(high)))


def edge_points(image: Coarse) -> tuple[Array, Array, Array]:
    """(x, y, direction towards the brighter side in radians) of every place where the signal is steepest across."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(image.signal, 0.9)
    down, across = (np.asarray(part) for part in np.gradient(smooth, *image.step_mm))
    size = np.asarray(np.hypot(down, across))
    noise = 1.5 * float(np.median(size))  # an even image has hardly anything but noise
    rows, columns = np.nonzero(size[2:-2, 2:-2] > max(WEAKEST, min(noise, 3 * WEAKEST)))
    rows, columns = rows + 2, columns + 2
    here = size[rows, columns]
    # one step along the gradient on either side must be less steep
    r, c = np.rint(down[rows, columns] / here).astype(int), np.rint(across[rows, columns] / here).astype(int)
    top = (here >= size[rows + r, columns + c]) & (here > size[rows - r, columns - c])
    rows, columns = rows[top], columns[top]
    x = image.corner_mm[1] + columns * image.step_mm[1]
    y = image.corner_mm[0] + rows * image.step_mm[0]
    return x, y, np.arctan2(down[rows, columns], across[rows, columns])


def distinct(found: Sequence[Outline]) -> list[Outline]:
    """The best of those that nearly coincide."""
    kept: list[Outline] = []
    for one in sorted(found, key=lambda o: -o.support * sum(o.size_mm) ** 0.5):
        if not any(_same(one, other) for other in kept):
            kept.append(one)
        if len(kept) == CANDIDATES:
            break
    return kept


def _same(one: Outline, other: Outline) -> bool:
    near = np.hypot(one.centre_mm[0] - other.centre_mm[0], one.centre_mm[1] - other.centre_mm[1]) < 2.5
    return bool(near and abs(one.size_mm[0] - other.size_mm[0]) < 4.0 and abs(one.size_mm[1] - other.size_mm[1]) < 4.0)
