"""A grid and a blur as a phantom near the slices' direction sees them: steps between voxels, and what a voxel averages over."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from phantoms.ctphantom_place import Array, Placement
from phantoms.volume_average import rule
from phantoms.volume_grid import Grid

BEYOND = 4.5  # sigmas: beyond, an edge adds less than 4e-6
FINE = 50  # knots per sigma of a profile looked up along straight lines: good to 1e-5
STEEPEST = 0.35  # tangent of the largest angle between the phantom's axis and the slices' direction


@dataclass(frozen=True)
class Frame:
    """A grid and a blur as the phantom sees them: index (slice, row, column) to phantom axes, and what a pixel averages over.

    ``steps_mm``: from a voxel to the next along slice, row, column, in phantom axes; ``to_index`` turns it round, ``origin`` is the index
    of the phantom's origin. ``sigma_mm``: the part of the blur across the axis that is the same in all directions; ``nodes_mm``,
    ``weights``: what is left of pixel and blur, as points (x, z). ``along_mm``: the blur along the axis; ``step``: a plane across the
    axis, averaged over the slice and behind that blur (depth behind it, share, its slope per mm). ``per_mm``: rows and columns that a mm
    in the worst direction covers. ``twist_mm2``: covariance of what blur and voxel do across (x, z) and along the axis.
    """

    grid: Grid
    placement: Placement
    steps_mm: Array
    sigma_mm: float
    nodes_mm: Array
    weights: Array
    along_mm: float
    step: tuple[Array, Array, Array]
    to_index: Array
    origin: Array
    per_mm: Array
    twist_mm2: Array

    @classmethod
    def of(cls, grid: Grid, placement: Placement, blur_mm: tuple[float, float]) -> "Frame":
        """Fails for a phantom whose axis is more than 19 degrees from the slices' direction."""
        inverse = np.linalg.inv(placement.matrix)
        steps: Array = grid.steps_mm @ inverse.T
        if np.hypot(steps[0, 0], steps[0, 2]) > STEEPEST * abs(steps[0, 1]):
            raise ValueError("a phantom whose axis is within 19 degrees of the slices' direction; this one lies across them")
        blur = inverse @ (grid.directions.T @ np.diag([blur_mm[1], blur_mm[0], blur_mm[0]]) ** 2 @ grid.directions) @ inverse.T
        across = np.array([steps[0, 0], steps[0, 2]])
        spread = blur[np.ix_([0, 2], [0, 2])] + np.outer(across, across) / 12
        values, vectors = np.linalg.eigh(spread)
        sigma = float(np.sqrt(values[0]))
        nodes, weights = _nodes(steps[1:][:, [0, 2]], sigma, float(np.sqrt(max(values[1] - values[0], 0.0))) * vectors[:, 1])
        along, half = float(np.sqrt(blur[1, 1] + (steps[1:, 1] ** 2).sum() / 12)), abs(float(steps[0, 1])) / 2
        twist = (blur + steps.T @ steps / 12)[[0, 2], 1]
        per_mm: Array = np.linalg.norm(np.linalg.inv(steps[1:][:, [0, 2]]), axis=0)
        depth = np.arange(-half - BEYOND * along, half + BEYOND * along, along / FINE)
        share = _step(depth, half, along)
        step, to_index = (depth, share, np.gradient(share, depth)), np.asarray(np.linalg.inv(steps), np.float64)
        origin = grid.index(placement.origin_mm)
        return cls(grid, placement, steps, sigma, nodes, weights, along, step, to_index, origin, per_mm, twist)

    @property
    def reach_mm(self) -> float:
        """How far from an edge across the axis it is seen."""
        return BEYOND * self.sigma_mm + float(np.linalg.norm(self.nodes_mm, axis=1).max())

    @property
    def tilt(self) -> float:
        """How fast the place along the phantom's axis changes within a slice, as a slope of mm per mm across the axis."""
        return float(np.linalg.norm(np.linalg.inv(self.steps_mm[1:][:, [0, 2]]) @ self.steps_mm[1:, 1]))

    def index(self, points: Array) -> Array:
        """Indices (slice, row, column), with fractions, of points (..., 3) of the phantom."""
        result: Array = self.origin + points @ self.to_index
        return result

    def window(self, place: Array, reach_mm: float) -> tuple[slice, slice]:
        """Rows and columns within ``reach_mm`` of a place (row, column), cut to the grid."""
        half = reach_mm * self.per_mm + 1
        low, high = np.floor(place - half).astype(int), np.ceil(place + half).astype(int) + 1
        ends = [(min(max(a, 0), n), min(max(b, 0), n)) for a, b, n in zip(low, high, self.grid.shape[1:], strict=True)]
        return slice(*ends[0]), slice(*ends[1])

    def lengthwise(self, y: Array, low_mm: float, high_mm: float) -> Array:
        """Share of the slice's thickness, behind its blur, between two planes across the phantom's axis; y is the voxels' middle."""
        depth, share, _ = self.step
        low = np.interp(y - low_mm, depth, share) if y.min() - low_mm < depth[-1] else 1.0
        result: Array = np.asarray(low - np.interp(y - high_mm, depth, share) if y.max() - high_mm > depth[0] else low)
        return result

    def steepness(self, y: Array, low_mm: float, high_mm: float) -> Array:
        """How fast that share grows with y, per mm."""
        depth, _, slope = self.step
        result: Array = np.interp(y - low_mm, depth, slope, 0.0, 0.0) - np.interp(y - high_mm, depth, slope, 0.0, 0.0)
        return result


def _nodes(steps: Array, sigma: float, rest: Array) -> tuple[Array, Array]:
    """Points and weights for a pixel (its two sides) and a small rest of the blur in one direction."""
    sides = [rule(float(np.linalg.norm(step)) / sigma, 0.0) for step in steps]
    first, second = (nodes[:, None] * sigma * step / np.linalg.norm(step) for (nodes, _), step in zip(sides, steps, strict=True))
    nodes = (first[:, None] + second[None, :]).reshape(-1, 2)
    weights = (sides[0][1][:, None] * sides[1][1][None, :]).ravel()
    if np.linalg.norm(rest) < 1e-3 * sigma:
        return nodes, weights
    return np.concatenate([nodes - rest, nodes + rest]), np.concatenate([weights, weights]) / 2


def _step(depth: Array, half: float, sigma: float) -> Array:
    """A step, averaged over a box and behind a Gaussian, at this depth behind it."""

    def integral(t: Array) -> Array:
        result: Array = t * ndtr(t) + np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi)
        return result

    result: Array = sigma * (integral((depth + half) / sigma) - integral((depth - half) / sigma)) / (2 * half)
    return result
