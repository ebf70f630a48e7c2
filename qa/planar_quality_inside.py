"""Where the parts inside a phantom lie: a second way to its scale, turn and middle, that no edge of the outline has a part in.

The image is laid over the model's picture, the level of every part free, and moved, turned and stretched until it fits. Wrong levels,
another blur and smooth light change nothing in where an edge is, so they need not be known. Fails when little stands out inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, Region
from qa.features.number import Number, number
from qa.features.planar_map import Pose, inside
from qa.features.position import Array, clustered_u
from qa.reading import AnalysisError

CELL_MM, FINE = 1.0, 4  # of the picture that is compared, on the phantom, and how many times finer it is drawn
OUTER = 0.94  # of the outline: its own edges are left to themselves
FINEST = 0.35  # 1/mm: finer bars are left out, cells do not show them
BLUR_MM = {"kV": 0.4, "MV": 0.8}  # of the drawn picture: what that of a panel is about
ROUNDS, SETTLED_MM = 12, 0.01  # of fitting: a start that is 2 mm off has arrived by then
CLUSTER = 6  # cells whose errors go together
PLACES_MM = 0.2  # places of parts were measured on one image of one specimen
LARGEST_U = 0.004  # of the scale: beyond, what stands out inside is too little to say anything
FARTHEST = 0.06  # of the scale: the fit ran away


@dataclass(frozen=True)
class Inside:
    """Pose of the parts inside; ``scale`` (x, y) of it with budgets; ``centre_u_mm`` of its middle (noise and places)."""

    pose: Pose
    scale: tuple[Number, Number]
    centre_u_mm: float


@dataclass(frozen=True)
class _Picture:
    """A model on cells: which of them count (``near``: all four beside them as well), their (x, y), cluster, and every part's share.

    ``shares`` (parts, cells); ``solve`` turns an image of the cells into the parts' levels.
    """

    x: Array
    y: Array
    cluster: NDArray[np.intp]
    grid: NDArray[np.bool_]
    near: NDArray[np.bool_]
    shares: Array
    solve: Array


def register(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], model: PlanarModel, start: Pose) -> Inside:
    """The pose in which the parts inside fit best, from a pose that is near. AnalysisError when they do not say it well enough."""
    picture, pose = _picture(model), start
    arm = float(np.sqrt(np.mean(picture.x**2 + picture.y**2) / 2))
    for _ in range(ROUNDS):
        change, u = _step(_sampled(pixels, pitch_mm, picture, pose), picture)
        pose = _moved(pose, change)
        if not all(abs(now / first - 1) < FARTHEST for now, first in zip(pose.scale, start.scale, strict=True)):
            raise AnalysisError("the parts inside the phantom lie nowhere near where they should")
        if float(np.abs(change * np.array([1.0, 1.0, arm, arm, arm])).max()) < SETTLED_MM:
            break
    else:
        raise AnalysisError("the parts inside the phantom could not be fitted: they do not lie where this model has them")
    places = PLACES_MM / np.sqrt(max(len(picture.shares) - 1, 1))
    parts = [number(s, {"noise": s * float(part), "places of parts": s * places / arm}) for s, part in zip(pose.scale, u[2:4], strict=True)]
    if max(part.u / part.value for part in parts) > LARGEST_U:
        raise AnalysisError("too little stands out inside the phantom to tell its scale")
    return Inside(pose, (parts[0], parts[1]), float(np.hypot(max(u[:2]), places)) * pose.mean_scale)


@lru_cache(maxsize=16)
def _picture(model: PlanarModel) -> _Picture:
    """Which share of every cell each part covers, as blurred as an image's."""
    from scipy.ndimage import gaussian_filter

    columns, rows = (int(size / CELL_MM) for size in (model.width_mm, model.height_mm))
    x, y = np.meshgrid(*((np.arange(n * FINE) + 0.5) / FINE * CELL_MM - n * CELL_MM / 2 for n in (columns, rows)))
    label, known = _labels(model, x, y)
    cx, cy = _cells(x), _cells(y)
    far = np.hypot(cx, cy) / model.width_mm if model.shape == "circle" else np.maximum(abs(cx) / model.width_mm, abs(cy) / model.height_mm)
    grid = (_cells(known.astype(np.float32)) > 0.999) & (far < OUTER / 2)
    near = grid.copy()
    near[1:] &= grid[:-1]
    near[:-1] &= grid[1:]
    near[:, 1:] &= grid[:, :-1]
    near[:, :-1] &= grid[:, 1:]
    blur = BLUR_MM[model.radiation] / CELL_MM
    shares = [gaussian_filter(_cells((label == k).astype(np.float32)), blur)[grid] for k in range(int(label.max()) + 1)]
    kept = np.array([share for share in shares if share.sum() > 1.0], dtype=np.float64)
    cluster = (cx // (CLUSTER * CELL_MM)).astype(np.intp) * 1000 + (cy // (CLUSTER * CELL_MM)).astype(np.intp)
    groups = np.unique(cluster[grid], return_inverse=True)[1].astype(np.intp)
    return _Picture(cx[grid], cy[grid], groups, grid, near, kept, np.linalg.pinv(kept @ kept.T, rcond=1e-9) @ kept)


def _labels(model: PlanarModel, x: Array, y: Array) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Which part is seen at every point, bars and what lies between them apart; and where no bars are too fine to be."""
    label, known, names = np.zeros(x.shape, dtype=np.intp), np.ones(x.shape, dtype=bool), 1
    for region in model.regions:
        if region.kind == "body":
            continue
        box = _box(region, x[0], y[:, 0])
        part = inside(region, x[box], y[box])
        label[box][part] = names
        if region.kind == "bars":
            names += 1
            label[box][part & _gaps(region, x[box], y[box])] = names
            if region.lp_per_mm > FINEST:
                known[box] &= ~inside(region, x[box], y[box], 1 + 3.0 / min(region.width_mm, region.height_mm))
        names += 1
    return label, known


def _box(region: Region, x: Array, y: Array) -> tuple[slice, slice]:
    """(rows, columns) that a region, and 2 mm round it, lies in."""
    half = np.hypot(region.width_mm, region.height_mm) / 2 + 2.0
    across = np.searchsorted(x, (region.x_mm - half, region.x_mm + half))
    down = np.searchsorted(y, (region.y_mm - half, region.y_mm + half))
    return slice(int(down[0]), int(down[1])), slice(int(across[0]), int(across[1]))


def _gaps(region: Region, x: Array, y: Array) -> NDArray[np.bool_]:
    """Where a group of bars shows what lies between them."""
    cos, sin = np.cos(np.radians(region.turn_deg)), np.sin(np.radians(region.turn_deg))
    along = cos * (x - region.x_mm) + sin * (y - region.y_mm) + region.width_mm / 2
    return np.asarray(((along * region.lp_per_mm) % 1.0 < 0.5) == region.outer_gaps)


def _cells(fine: Array | NDArray[np.float32]) -> Array:
    rows, columns = fine.shape[0] // FINE, fine.shape[1] // FINE
    return np.asarray(fine.reshape(rows, FINE, columns, FINE).mean(axis=(1, 3)))


def _sampled(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], picture: _Picture, pose: Pose) -> Array:
    """The image in every cell, the mean of four places."""
    from scipy.ndimage import map_coordinates

    part = CELL_MM / 4
    total = np.zeros(len(picture.x))
    for a, b in ((-part, -part), (-part, part), (part, -part), (part, part)):
        x, y = pose.place(picture.x + a, picture.y + b)
        total += map_coordinates(pixels, [y / pitch_mm[0], x / pitch_mm[1]], order=1, mode="nearest", output=np.float64)
    return total / 4


def _step(image: Array, picture: _Picture) -> tuple[Array, Array]:
    """(Shift x, y in mm, stretch x, y, turn in radians) by which the model must be moved on the phantom to fit better, and their u."""
    whole = np.zeros(picture.grid.shape)
    whole[picture.grid] = (picture.solve @ image) @ picture.shares
    down, across = np.gradient(whole, CELL_MM)
    use = picture.near[picture.grid]
    gx, gy, level = across[picture.near], down[picture.near], whole[picture.near]
    x, y = picture.x[use], picture.y[use]
    size = float(np.abs(x).max())
    moves = [-gx, -gy, -gx * x, -gy * y, gx * y - gy * x]
    light = [level * x / size, level * y / size, level * (x / size) ** 2, level * (y / size) ** 2, level * x * y / size**2]
    design = np.concatenate([np.array([*moves, *light]), picture.shares[:, use]])
    norm = np.linalg.norm(design, axis=1)
    design /= np.where(norm > 0, norm, 1.0)[:, None]
    target, cluster = image[use], picture.cluster[use]
    found = np.linalg.pinv(design @ design.T, rcond=1e-10) @ (design @ target)
    left = np.abs(target - found @ design)
    good = left < 6 * 1.4826 * float(np.median(left)) + 1e-9 * float(np.abs(image).max())
    design, target, cluster = design[:, good], target[good], cluster[good]
    inverse = np.linalg.pinv(design @ design.T, rcond=1e-10)
    found = inverse @ (design @ target)
    influence = (inverse[:5] @ design) * (target - found @ design)
    return found[:5] / norm[:5], np.asarray(clustered_u(influence.T, cluster) / norm[:5])


def _moved(pose: Pose, change: Array) -> Pose:
    """The pose of a model that is moved on the phantom first."""
    shift_x, shift_y, stretch_x, stretch_y, turn = (float(v) for v in change)
    x, y = pose.place(shift_x, shift_y)
    sign = -1.0 if pose.mirrored else 1.0
    scale = pose.scale[0] * (1 + stretch_x), pose.scale[1] * (1 + stretch_y)
    return Pose((float(x), float(y)), scale, pose.angle_deg + sign * float(np.degrees(turn)), pose.mirrored)
