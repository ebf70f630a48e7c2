"""Two volumes matched by their voxels: rigid Gauss-Newton between cubic splines at random points off the grid, checked before it counts.

Physics: docs/physics/registration_accuracy.md, section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import rigid
from qa.acquisition import Volume
from qa.reading import AnalysisError

Array = NDArray[np.float64]
Voxels = NDArray[np.float32]
POINTS, TOP, STEEP = 20000, 0.995, 0.15  # drawn in the box of the balls; those with this share of the slope of that quantile are edges
NEAR_MM, MORE = 0.8, 8  # about every edge point as many more are drawn this near: edges fill a fiftieth of the box
MARGIN_MM, EDGE = 6.0, 3  # the box goes on beyond the balls' centres; voxels at a volume's edge that no point may need
TURNS, DONE = 40, 1e-6  # iterations at most, and the step (mm, rad x 50 mm) that ends them
KNOWN_MM, KNOWN_DEG = (0.9, -0.7, 0.8), (0.7, -0.6, 0.8)  # how the sample points are moved to see that the way finds it
WITHIN_MM, WITHIN_DEG = 0.05, 0.03
BLOCK_MM = 4.0  # residuals further apart are taken as independent: six times the blur of a CBCT
FEWEST = 500  # points
BETWEEN = 0.01  # of the largest pitch, per ball and coordinate: drawn scans of 1 to 1.24 mm are this far off beyond their noise


@dataclass(frozen=True)
class Matched:
    """x = ``rotation`` p + ``shift_mm`` from the first volume to the second; ``covariance`` (6, 6) as in ``qa.rigid``.

    ``known`` says how well a known motion was found.
    """

    rotation: Array
    shift_mm: Array
    covariance: Array
    known: str


class Spline:
    """A volume, or the box of it that is needed, between its voxels. ``at`` is NaN outside."""

    def __init__(self, volume: Volume, voxels: Voxels, low: Array, high: Array) -> None:
        """The box holds all points between ``low`` and ``high`` (3,) in F, as far as the volume goes."""
        from scipy.ndimage import spline_filter

        self.inverse = np.linalg.inv(np.array(volume.steps_mm).T)
        corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
        index = (corners - volume.origin_mm) @ self.inverse.T
        first = np.maximum(np.floor(index.min(axis=0)).astype(int) - 2 * EDGE, 0)
        last = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 2 * EDGE + 1, volume.shape)
        if (last - first < 4 * EDGE).any():
            raise AnalysisError("the scans do not overlap: scan the whole phantom both times")
        self.origin = np.array(volume.origin_mm) + first @ np.array(volume.steps_mm)
        box = voxels[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
        self.weights = spline_filter(box.astype(np.float64), order=3, mode="mirror")

    def at(self, points: Array) -> Array:
        """Values at points (n, 3) in F."""
        from scipy.ndimage import map_coordinates

        index = ((points - self.origin) @ self.inverse.T).T
        values = map_coordinates(self.weights, index, order=3, mode="mirror", prefilter=False)
        inside = np.all((index >= EDGE) & (index <= np.array(self.weights.shape)[:, None] - 1 - EDGE), axis=0)
        return np.where(inside, values, np.nan)

    def gradient(self, points: Array, step_mm: float) -> Array:
        """(n, 3), per mm, by central differences."""
        return np.stack([(self.at(points + step_mm * e) - self.at(points - step_mm * e)) / (2 * step_mm) for e in np.eye(3)], axis=1)


def match(first: Volume, later: Volume, voxels: tuple[Voxels, Voxels], balls: Array, start: rigid.Pose) -> Matched:
    """The motion by the voxels about the balls (n, 3), begun at ``start``. AnalysisError says why it does not count.

    Before it counts, the sample points are moved by a known amount in the first volume, which must be found to 0.05 mm and 0.03 degrees;
    and the match begun that far off must come back to the same place.
    """
    low, high = balls.min(axis=0) - MARGIN_MM, balls.max(axis=0) + MARGIN_MM
    fixed = Spline(first, voxels[0], low, high)
    ends = start.moved(np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3))
    moving = Spline(later, voxels[1], ends.min(axis=0), ends.max(axis=0))
    points, slope = _points(fixed, low, high, min(first.pitch_mm) / 2)
    middle = points.mean(axis=0)
    aside = rigid.turned(*KNOWN_DEG), np.array(KNOWN_MM)
    aside = aside[0], aside[1] + middle - aside[0] @ middle  # turned about the middle of the points
    own = _solved(lambda p: fixed.at(p @ aside[0].T + aside[1]), fixed, points, slope, (np.eye(3), np.zeros(3)))
    known = _off(own, (aside[0].T, -aside[0].T @ aside[1]), middle)
    if known[0] > WITHIN_MM or known[1] > WITHIN_DEG:
        raise AnalysisError(
            f"the match by voxels does not find a known motion of this very volume ({known[0]:.3f} mm, {known[1]:.3f} degrees off, "
            f"{WITHIN_MM:g} and {WITHIN_DEG:g} allowed), so it does not count: the balls alone do"
        )
    found = _solved(moving.at, fixed, points, slope, (start.rotation, start.translation_mm))
    begun = start.rotation @ aside[0], start.rotation @ aside[1] + start.translation_mm
    again = _off(_solved(moving.at, fixed, points, slope, begun), found, middle)
    if again[0] > WITHIN_MM or again[1] > WITHIN_DEG:
        raise AnalysisError(
            f"the match by voxels depends on where it is begun ({again[0]:.3f} mm, {again[1]:.3f} degrees), so it does not count: "
            "the balls alone do"
        )
    words = (
        f"on this volume's own samples the match converged to a known motion within {known[0]:.4f} mm and {known[1]:.4f} degrees, "
        "which says nothing of what lies between voxels"
    )
    between = np.tile((BETWEEN * max(*first.pitch_mm, *later.pitch_mm)) ** 2 * np.eye(3), (len(balls), 1, 1))
    spline = rigid.fit(balls, start.moved(balls), {"spline": between}).covariance
    return Matched(*found, _covariance(moving, fixed, points, slope, found) + spline, words)


def _points(fixed: Spline, low: Array, high: Array, step_mm: float) -> tuple[Array, Array]:
    """The same random places in every run, where the volume changes most, and its slope there."""
    rng = np.random.default_rng(20)
    points = rng.uniform(low, high, (POINTS, 3))
    size = np.linalg.norm(fixed.gradient(points, step_mm), axis=1)
    known = np.isfinite(size)
    if known.sum() < FEWEST:
        raise AnalysisError("the balls lie at the edge of the scan: scan the whole phantom")
    edges = points[known & (np.where(known, size, 0.0) > STEEP * np.quantile(size[known], TOP))]
    near = (edges[:, None] + rng.uniform(-NEAR_MM, NEAR_MM, (len(edges), MORE, 3))).reshape(-1, 3)
    slope = fixed.gradient(near, step_mm)
    inside = np.isfinite(slope).all(axis=1)
    if inside.sum() < FEWEST:
        raise AnalysisError("the scan shows too few edges about the balls to be matched by its voxels")
    return near[inside], slope[inside]


Motion = tuple[Array, Array]


def _design(points: Array, slope: Array, values: Array) -> Array:
    """What a turn about the points' middle (rad), a shift (mm), an offset and a gain of the second volume's values do at every point."""
    arms = points - points.mean(axis=0)
    return np.hstack([np.cross(arms, slope), slope, np.ones((len(points), 1)), (values - values.mean())[:, None]])


def _solved(moved: Callable[[Array], Array], fixed: Spline, points: Array, slope: Array, begun: Motion) -> Motion:
    """Least squares of (second volume at the moved points) - (first at the points), the first one's slope standing for both."""
    values, middle = fixed.at(points), points.mean(axis=0)
    design = _design(points, slope, values)
    rotation, shift = begun
    for _ in range(TURNS):
        left = moved(points @ rotation.T + shift) - values
        here = np.isfinite(left)
        if here.sum() < FEWEST:
            raise AnalysisError("the scans hardly overlap about the balls: scan the whole phantom both times")
        step = np.asarray(np.linalg.lstsq(design[here], left[here], rcond=None)[0], np.float64)
        turn = _exp(-step[:3])
        shift = rotation @ (middle - turn @ middle - turn @ step[3:6]) + shift
        rotation = rotation @ turn
        if float(np.linalg.norm(step[3:6])) + 50.0 * float(np.linalg.norm(step[:3])) < DONE:
            return rotation, shift
    raise AnalysisError("the match by voxels does not settle, so it does not count: the balls alone do")


def _exp(vector: Array) -> Array:
    """The rotation by a vector (rad)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(vector).as_matrix())


def _off(one: Motion, other: Motion, middle: Array) -> tuple[float, float]:
    """How far apart two motions take the middle (mm), and how far they turn from each other (degrees)."""
    apart = (one[0] @ middle + one[1]) - (other[0] @ middle + other[1])
    return float(np.linalg.norm(apart)), float(np.degrees(np.linalg.norm(rigid.rotation_vector(one[0] @ other[0].T))))


def _covariance(moving: Spline, fixed: Spline, points: Array, slope: Array, found: Motion) -> Array:
    """(6, 6) about the origin of F, from what the match leaves over, blocks of it independent of each other."""
    values, middle = fixed.at(points), points.mean(axis=0)
    left = moving.at(points @ found[0].T + found[1]) - values
    here = np.isfinite(left)
    design = _design(points, slope, values)[here]
    left = left[here] - design @ np.linalg.lstsq(design, left[here], rcond=None)[0]
    _, block = np.unique(np.floor(points[here] / BLOCK_MM).astype(int), axis=0, return_inverse=True)
    sums = np.zeros((int(block.max()) + 1, design.shape[1]))
    np.add.at(sums, block.ravel(), design * left[:, None])
    inverse = np.linalg.inv(design.T @ design)
    few = len(sums) / max(len(sums) - design.shape[1], 1)
    whole = (few * inverse @ (sums.T @ sums) @ inverse)[:6, :6]
    gain = np.zeros((6, 6))  # a turn about the middle, in the first scan's axes, as one about the origin after the motion
    gain[:3, :3], gain[3:, 3:] = found[0], found[0]
    gain[3:, :3] = found[0] @ rigid.cross(middle)
    return np.asarray(gain @ whole @ gain.T)
