"""Wires and beads thinner than the blur, drawn as what they are to an imager: mass on a line or in a point.

A wire is a row of points, so close that the blur makes them one: good to 1e-5, and at its ends to 2e-3. The average over a voxel
is in closed form along each axis of the grid. What is thicker than half the blur is refused: it would no longer be a Gaussian.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from phantoms.ctphantom_parts import Thin
from phantoms.ctphantom_place import Placement
from phantoms.volume_grid import Grid

Array = NDArray[np.float64]
BEYOND = 5.0  # sigmas
STEP = 0.4  # sigmas between points on a wire: no ripple is left, and an end is at its place to 0.2 % of the wire
THICKEST = 0.5  # standard deviation of the matter over the blur's


def draw(volume: NDArray[np.float32], grid: Grid, placement: Placement, blur_mm: tuple[float, float], part: Thin) -> None:
    """Add a wire or a bead to the volume in place; ``blur_mm`` is (within the slices, across them)."""
    if part.spread_mm > THICKEST * min(blur_mm):
        raise ValueError(f"{part.name} is too thick for a blur of {min(blur_mm):g} mm: it would have to be drawn as a solid")
    points, mass = _points(placement.room(np.asarray(part.ends_mm)), min(blur_mm), part.mass_hu)
    places = grid.index(points)
    weights, window = [], []
    for axis, (pitch, blur) in enumerate(zip(grid.spacing_mm, (blur_mm[1], blur_mm[0], blur_mm[0]), strict=True)):
        sigma = float(np.hypot(blur, part.spread_mm)) / pitch
        low = max(int(np.ceil(places[:, axis].min() - BEYOND * sigma - 0.5)), 0)
        high = min(int(np.floor(places[:, axis].max() + BEYOND * sigma + 0.5)) + 1, grid.shape[axis])
        if low >= high:
            return
        edges = ndtr((np.arange(low, high + 1) - 0.5 - places[:, axis, None]) / sigma)
        weights.append(np.diff(edges, axis=1) / pitch)
        window.append(slice(low, high))
    sheet = (weights[0][:, :, None] * weights[1][:, None, :]).reshape(len(points), -1)
    box = (sheet.T @ weights[2] * mass).reshape([w.stop - w.start for w in window])
    volume[tuple(window)] += box.astype(np.float32)


def _points(ends: Array, blur: float, mass: float) -> tuple[Array, float]:
    """Points along the line, each in the middle of its piece, and the mass of each (HU mm^3)."""
    length = float(np.linalg.norm(ends[1] - ends[0]))
    if length == 0.0:
        return ends[:1], mass
    count = int(np.ceil(length / (STEP * blur)))
    along = (np.arange(count) + 0.5) / count
    return ends[0] + along[:, None] * (ends[1] - ends[0]), mass * length / count
