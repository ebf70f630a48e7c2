"""The faces of a box in a volume: half-level crossings along rays, then planes.

From the rough middle of the box, rays run along the index axes through a grid of points of every face; each gives the place where the CT
number crosses half way between inside and outside. A plane through them, points far from it left out, is the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array, middle
from qa.reading import AnalysisError

GRID = 17  # rays across a face each way: 289 of them
INNER = 0.8  # of the face's half width: its edges are rounded by the blur
OUTSIDE_MM = 6.0  # beyond the rough face: air must be seen there
DEEP_MM = 8.0  # inside the rough face: where the inside's level is read
FAR = 4.0  # deviations from the plane: a label, the couch or a hole, left out
FEWEST = 0.6  # of the rays must lie on the plane
TURN = 3.5  # degrees; a phantom turned further is set up again


@dataclass(frozen=True)
class Face:
    """A plane: position along ``axis`` (mm) over the rough box's middle, by half-level crossings and by how far the material reaches,
    slopes along the two other axes in order, standard uncertainty of both positions.
    """

    axis: int
    position_mm: float
    reach_mm: float
    slopes: tuple[float, float]
    u_mm: float
    u_reach_mm: float


@dataclass(frozen=True)
class Box:
    """First and last position of the box along each axis, mm, roughly; levels inside and outside."""

    low_mm: Array
    high_mm: Array
    inside: float
    outside: float


def box(voxels: NDArray[np.float32], pitch_mm: tuple[float, float, float], smallest_mm: float, largest_mm: float) -> Box:
    """The large box of a volume, roughly. AnalysisError when nothing of that size stands out or when it reaches the volume's end."""
    every = [max(1, round(2.0 / p)) for p in pitch_mm]
    few = voxels[:: every[0], :: every[1], :: every[2]]
    inside, outside = _levels(few)
    above = few > (inside + outside) / 2
    low, high = np.zeros(3), np.zeros(3)
    for k in range(3):
        step = pitch_mm[k] * every[k]
        count = above.sum(axis=tuple(j for j in range(3) if j != k)).astype(np.float64)
        full = np.nonzero(count > 0.5 * np.percentile(count, 75))[0]
        if not len(full) or full[-1] - full[0] < 2:
            raise AnalysisError("no cube in the volume: check the phantom and scan it again")
        low[k], high[k] = full[0] * step, full[-1] * step
        if full[0] == 0 or full[-1] >= len(count) - 1:
            raise AnalysisError("the cube's faces are cut off by the end of the volume: scan a longer range or a larger field, and repeat")
        if not smallest_mm <= high[k] - low[k] <= largest_mm:
            raise AnalysisError(
                f"no cube in the volume: what stands out is {high[k] - low[k]:.0f} mm long, a cube phantom {smallest_mm:.0f} to "
                f"{largest_mm:.0f} mm; check the phantom and scan it again"
            )
    return Box(low, high, inside, outside)


def _levels(few: NDArray[np.float32]) -> tuple[float, float]:
    """Typical CT numbers of the phantom and of the air around it."""
    dense = few[few > -500]  # half way between air and water
    thin = few[few <= -500]
    if dense.size < 0.02 * few.size or thin.size < 0.02 * few.size:
        raise AnalysisError("no cube in the volume, or no air around it: scan the whole phantom with 10 mm of air on every side")
    return float(np.median(dense)), float(np.median(thin))


def face(voxels: NDArray[np.float32], pitch_mm: tuple[float, float, float], rough: Box, axis: int, side: int) -> Face:
    """One face (``side`` -1 low, +1 high along ``axis``) as a plane. AnalysisError when too few rays see an edge there."""
    others = [k for k in range(3) if k != axis]
    centre, half = (rough.low_mm + rough.high_mm) / 2, (rough.high_mm - rough.low_mm) / 2
    at = [centre[k] + np.linspace(-INNER, INNER, GRID) * half[k] for k in others]
    rays, reaches = _rays(voxels, pitch_mm, rough, axis, side, at)
    a, b = np.meshgrid(at[0] - centre[others[0]], at[1] - centre[others[1]], indexing="ij")
    plane, off = _plane(rays, a, b)
    if np.degrees(np.arctan(np.hypot(plane[1], plane[2]))) > TURN * np.sqrt(2):
        raise AnalysisError(f"the cube is turned by more than {TURN:.0f} degrees: set it up along the room's axes and repeat")
    whole, off_whole = _plane(reaches, a, b)
    return Face(axis, float(plane[0]), float(whole[0]), (float(plane[1]), float(plane[2])), _u(off), _u(off_whole))


def _plane(rays: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Plane (position, two slopes) through rays, and how far each lies from it, NaN where left out."""
    good = np.isfinite(rays)
    for _ in range(8):
        if good.sum() < FEWEST * rays.size:
            raise AnalysisError(
                "a face of the cube cannot be seen whole: it is cut off, or something touches it; check the phantom and repeat"
            )
        design = np.stack([np.ones(int(good.sum())), a[good], b[good]], axis=1)
        plane = np.linalg.lstsq(design, rays[good], rcond=None)[0]
        off = rays - plane[0] - plane[1] * a - plane[2] * b
        kept = np.isfinite(rays) & (np.abs(off) <= FAR * 1.4826 * middle(np.abs(off[good])) + 0.02)
        if (kept == good).all():
            break
        good = kept
    return np.asarray(plane, np.float64), np.asarray(np.where(good, off, np.nan), np.float64)


def _rays(
    voxels: NDArray[np.float32], pitch: tuple[float, float, float], rough: Box, axis: int, side: int, at: list[Array]
) -> tuple[Array, Array]:
    """Where each ray crosses the half level, and how far its material reaches (its sum over the edge, over the level just inside), mm.

    NaN where a ray has no crossing. The sum knows nothing of a level and is right whatever the slice thickness; the crossing knows nothing
    of what is outside or inside.
    """
    others = [k for k in range(3) if k != axis]
    edge = rough.high_mm[axis] if side > 0 else rough.low_mm[axis]
    first, last = sorted((edge - side * DEEP_MM, edge + side * OUTSIDE_MM))
    start, stop = int(first / pitch[axis]), int(last / pitch[axis]) + 2
    if start < 0 or stop > voxels.shape[axis]:
        raise AnalysisError("the cube's faces are too near the end of the volume: scan a longer range or a larger field, and repeat")
    pick = [np.rint(p / pitch[k]).astype(int) for p, k in zip(at, others, strict=True)]
    block = np.moveaxis(voxels, axis, 0)[start:stop][:, pick[0][:, None], pick[1][None, :]].astype(np.float64)
    block = block if side > 0 else block[::-1]
    deep = max(2, int(2.0 / pitch[axis]))
    inside, outside = float(np.median(block[:deep])), float(np.median(block[-deep:]))
    level = (inside + outside) / 2
    above = block > level
    index = np.clip(above.shape[0] - np.argmax(above[::-1], axis=0) - 1, 0, block.shape[0] - 2)  # the last voxel inside
    here, beyond = (np.take_along_axis(block, (index + k)[None], 0)[0] for k in (0, 1))
    crossing = index + (here - level) / np.where(here > beyond, here - beyond, np.inf)
    crossing = np.where(above.any(axis=0) & ~above[-1], crossing, np.nan)
    share = (block - outside).sum(axis=0) / (inside - outside) - 0.5
    share = np.where(np.abs(share - crossing) < 2.0, share, np.nan)  # voxels: a hole or a rod just below the face
    places = [(start + p if side > 0 else stop - 1 - p) * pitch[axis] for p in (crossing, share)]
    return np.asarray(places[0], np.float64), np.asarray(places[1], np.float64)


def _u(off: Array) -> float:
    """Standard uncertainty of a face's mean position: the scatter of means over blocks of rays, larger than the noise's correlation."""
    blocks = [part for row in np.array_split(off, 4, axis=0) for part in np.array_split(row, 4, axis=1)]
    means = np.array([part[np.isfinite(part)].mean() for part in blocks if np.isfinite(part).any()])
    return float(np.std(means, ddof=3) / np.sqrt(len(means))) if len(means) > 4 else float(np.nanstd(off))
