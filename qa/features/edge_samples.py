"""Pixels as samples of one edge: their signed distance from a straight or round edge in mm, and which stretch of it each belongs to.

Distances are perpendicular to the edge in mm, so no cosine of its angle is left over and pixels need not be square. Stretches are long
enough that their noise is independent: the uncertainty is taken from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array, middle
from qa.reading import AnalysisError

STRETCH_PX = 5.0  # noise of panels and of reconstructions is correlated over about three pixels
FEWEST, MOST = 8, 16  # stretches: fewer give no uncertainty, more cost time
INSIDE = (0.08, 0.92)  # of a row: where its crossing must lie for the row to count
FEWEST_ROWS = 6  # that the edge must cross


@dataclass(frozen=True)
class Edge:
    """Samples of one edge: ``distance_mm`` (negative on the darker side), ``value``, and ``part``, the stretch of the edge they belong to.

    ``direction`` (samples, k) is how each distance changes with the k parameters ``place`` of the shape: (offset, angle_rad) of a "line"
    (x - xm) cos + (y - ym) sin = offset about the patch's middle, (x, y, radius) of a "circle"; mm, x along columns, y along rows from the
    centre of pixel (0, 0). ``pitch_mm`` (row, column).
    """

    distance_mm: Array
    value: Array
    part: NDArray[np.intp]
    direction: Array
    pitch_mm: tuple[float, float]
    shape: str
    place: tuple[float, ...]

    @property
    def angle_deg(self) -> float | None:
        """The direction across a straight edge, from the darker to the brighter side, from x towards y; None for a circle."""
        return float(np.degrees(self.place[1])) if self.shape == "line" else None


def line_samples(patch: Array, pitch_mm: tuple[float, float], place: tuple[float, ...] | None = None) -> Edge:
    """Samples of the one straight edge in a patch; ``place`` from a first look at the patch where None.

    AnalysisError when the patch shows no two levels, or the edge crosses too little of it.
    """
    offset, angle = place or _rough_line(patch, pitch_mm)
    x, y = _from_middle(patch.shape, pitch_mm)
    d = x * np.cos(angle) + y * np.sin(angle) - offset
    along = -x * np.sin(angle) + y * np.cos(angle)
    near = np.abs(d) <= 2 * max(pitch_mm)
    if near.sum() < 4 * FEWEST:
        raise AnalysisError("the edge is too short to be measured; take a longer edge or a larger image")
    low, high = float(along[near].min()), float(along[near].max())
    use = (along >= low) & (along <= high)
    d, along = d[use], along[use]
    part = _stretches((along - low) / (high - low), (high - low) / max(pitch_mm))
    direction = np.stack([-np.ones_like(d), along], axis=1)
    return Edge(d, patch[use].astype(np.float64), part, direction, pitch_mm, "line", (offset, angle))


def circle_samples(
    image: Array, pitch_mm: tuple[float, float], place: tuple[float, ...], reach_mm: float, skip_deg: tuple[tuple[float, float], ...] = ()
) -> Edge:
    """Samples within ``reach_mm`` of a circle (x, y, radius); ``skip_deg`` are ranges of angle (from x towards y) to leave out.

    AnalysisError when the circle with its reach does not lie in the image.
    """
    x0, y0, radius = place
    outer = radius + reach_mm
    r0, r1 = int(np.floor((y0 - outer) / pitch_mm[0])), int(np.ceil((y0 + outer) / pitch_mm[0])) + 1
    c0, c1 = int(np.floor((x0 - outer) / pitch_mm[1])), int(np.ceil((x0 + outer) / pitch_mm[1])) + 1
    if min(r0, c0) < 0 or r1 > image.shape[0] or c1 > image.shape[1]:
        raise AnalysisError("the round edge reaches the border of the image; take a larger field of view")
    y, x = np.meshgrid(np.arange(r0, r1) * pitch_mm[0] - y0, np.arange(c0, c1) * pitch_mm[1] - x0, indexing="ij")
    r = np.hypot(x, y)
    use = np.abs(r - radius) <= reach_mm
    turn = np.degrees(np.arctan2(y, x)) % 360
    for start, stop in skip_deg:
        use &= (turn - start) % 360 > (stop - start) % 360
    d, value, turn = (r - radius)[use], image[r0:r1, c0:c1][use].astype(np.float64), turn[use]
    if len(d) < 8 * FEWEST:
        raise AnalysisError("the round edge has too few pixels to be measured; take a smaller pixel or a larger insert")
    brighter = 1.0 if middle(value[d > 0]) > middle(value[d <= 0]) else -1.0
    free = 1 - sum((stop - start) % 360 for start, stop in skip_deg) / 360
    part = _stretches(turn / 360, 2 * np.pi * radius * free / max(pitch_mm))
    part = np.unique(part, return_inverse=True)[1].astype(np.intp)
    angle = np.radians(turn)
    direction = -brighter * np.stack([np.cos(angle), np.sin(angle), np.ones_like(angle)], axis=1)
    return Edge(brighter * d, value, part, direction, pitch_mm, "circle", (x0, y0, radius))


def _from_middle(shape: tuple[int, ...], pitch_mm: tuple[float, float]) -> tuple[Array, Array]:
    """x and y of every pixel from the patch's middle, mm."""
    y = (np.arange(shape[0]) - (shape[0] - 1) / 2) * pitch_mm[0]
    x = (np.arange(shape[1]) - (shape[1] - 1) / 2) * pitch_mm[1]
    return np.broadcast_to(x[None, :], shape), np.broadcast_to(y[:, None], shape)


def _stretches(share: Array, length_px: float) -> NDArray[np.intp]:
    """Which stretch a place along the edge belongs to. AnalysisError for an edge of fewer than FEWEST stretches of 2.5 pixels."""
    if length_px < FEWEST * STRETCH_PX / 2:
        raise AnalysisError(f"the edge is {length_px:.0f} pixels long and must have {FEWEST * STRETCH_PX / 2:.0f}; take a longer edge")
    count = int(np.clip(length_px / STRETCH_PX, FEWEST, MOST))
    return np.minimum((share * count).astype(np.intp), count - 1)


def _two_levels(patch: Array) -> tuple[float, float]:
    """The darker and the brighter level of a patch: medians of what lies on either side of the mean of both."""
    level = float(patch.mean())
    for _ in range(30):
        dark, bright = patch[patch <= level], patch[patch > level]
        if not len(dark) or not len(bright):
            raise AnalysisError("the patch shows a single level and no edge")
        found = (middle(dark) + middle(bright)) / 2
        if abs(found - level) <= 1e-9 * abs(middle(bright) - middle(dark)):
            break
        level = found
    return middle(dark), middle(bright)


def _rough_line(patch: Array, pitch_mm: tuple[float, float]) -> tuple[float, float]:
    """(offset, angle) of the edge: how much of every row, or of every column, is bright says where it crosses."""
    dark, bright = _two_levels(patch)
    share = (patch - dark) / (bright - dark)
    halves = [abs(float(np.diff([half.mean() for half in np.array_split(share, 2, axis=axis)])[0])) for axis in (0, 1)]
    across_columns = halves[1] * pitch_mm[0] * patch.shape[0] >= halves[0] * pitch_mm[1] * patch.shape[1]
    use, pitch = (share, pitch_mm) if across_columns else (share.T, pitch_mm[::-1])
    rising = use[:, use.shape[1] // 2 :].mean() > use[:, : use.shape[1] // 2].mean()
    full = use.shape[1]
    bright_px = use.sum(axis=1)
    crosses = (bright_px > INSIDE[0] * full) & (bright_px < INSIDE[1] * full)
    if crosses.sum() < FEWEST_ROWS:
        raise AnalysisError("no straight edge crosses the patch; take the patch where a single edge crosses its middle")
    crossing = ((full - bright_px if rising else bright_px) - full / 2) * pitch[1]
    row = ((np.arange(len(use)) - (len(use) - 1) / 2) * pitch[0])[crosses]
    slope, start = np.polyfit(row, crossing[crosses], 1)
    left = crossing[crosses] - slope * row - start
    good = np.abs(left) <= max(3 * 1.4826 * middle(np.abs(left)), pitch[1])
    slope, start = np.polyfit(row[good], crossing[crosses][good], 1)
    sign, norm = (1.0 if rising else -1.0), float(np.hypot(1, slope))
    normal = np.array([1.0, -slope]) / norm * sign  # (across, along) the rows used
    x, y = normal if across_columns else normal[::-1]
    return float(sign * start / norm), float(np.arctan2(y, x))
