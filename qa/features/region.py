"""Where the radiation field is, roughly: one bright connected region, its shape and its angle.

Everything finer (``field.py``, ``ball.py``) starts from here and refuses when this was wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array, middle
from qa.reading import AnalysisError

COARSE_MM = 1.1  # the search grid: finer than the smallest penumbra, coarse enough that a full panel takes a millisecond
SMALLEST_MM = 5.0  # a region narrower than this is an artefact, not a treatment field
SMALL_MM, CLOSE_MM = 30.0, 0.35  # fields smaller than this are looked at on a finer grid
ROUND = 0.87  # area over smallest enclosing rectangle: 1 for a rectangle, 0.785 for a circle; the middle decides
DIMMEST = 0.25  # of the brightest field: without a flattening filter 100 mm off axis half is left, tips of closed leaves leak a fifth
CLEAR = 12.0  # times the noise above the dark level: of pure noise only specks are brighter
APART_MM = 8.0  # profiles end 3 mm outside an edge; the tail of a neighbour's penumbra moves a centre by 0.03 mm at 6.5 mm, 0.02 at 8


@dataclass(frozen=True)
class Region:
    """A field as seen on the coarse grid.

    ``centre_mm`` (x, y), ``half_mm`` half widths along the field's own axes, ``angle_deg`` of its first axis from +x towards +y (rows
    down) in [-45, 45), ``shape`` "rectangle" or "cone", ``level`` the open signal, ``dark`` the signal far outside, ``apart_mm`` the
    distance from edge to edge to the next field (no less than it is by a step of the grid).
    """

    centre_mm: tuple[float, float]
    half_mm: tuple[float, float]
    angle_deg: float
    shape: str
    level: float
    dark: float
    apart_mm: float = float("inf")

    def along_axes(self, x_mm: Array | float, y_mm: Array | float) -> tuple[Array, Array]:
        """Coordinates along the field's two axes from its centre, mm."""
        dx, dy = np.asarray(x_mm) - self.centre_mm[0], np.asarray(y_mm) - self.centre_mm[1]
        angle = np.radians(self.angle_deg)
        return np.cos(angle) * dx + np.sin(angle) * dy, -np.sin(angle) * dx + np.cos(angle) * dy

    def depth_mm(self, x_mm: Array | float, y_mm: Array | float) -> Array:
        """How far inside the field's 50 % edge a point is (negative outside), mm."""
        first, second = self.along_axes(x_mm, y_mm)
        if self.shape == "cone":
            return np.asarray(sum(self.half_mm) / 2 - np.hypot(first, second))
        return np.asarray(np.minimum(self.half_mm[0] - np.abs(first), self.half_mm[1] - np.abs(second)))

    def inside(self, x_mm: Array | float, y_mm: Array | float, margin_mm: float) -> NDArray[np.bool_]:
        """Whether points are further inside the field than the margin."""
        return np.asarray(self.depth_mm(x_mm, y_mm) > margin_mm)


def locate(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> Region:
    """The one radiation field of an image.

    ``pitch_mm`` (row, column) on the isocentre plane. AnalysisError when the image is blank or saturated, when there is no field, more
    than one, or the field is cut by the panel's edge.
    """
    coarse, step, dark, level = _coarse(pixels, pitch_mm)
    from scipy.ndimage import label

    for _ in range(6):
        labels, count = label(coarse > dark + 0.5 * (level - dark))
        areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        best = int(np.argmax(areas)) + 1
        mask = labels == best
        rows, columns = np.nonzero(mask)
        extent = (np.ptp(rows) + 1) * step[0], (np.ptp(columns) + 1) * step[1]
        if min(extent) >= SMALLEST_MM:
            break
        coarse = np.where(labels > 0, dark, coarse)  # small and brighter than the field: artefacts, so look below them
        level = float(coarse.max())
        if level - dark <= 10 * _noise(coarse, dark):  # also where nothing is left: a saturated spot on a panel of one value
            raise AnalysisError(
                "no radiation field found: the image shows nothing bright of at least 5 mm; check that the beam was on and the panel out"
            )
    else:
        raise AnalysisError("no radiation field found: only small bright spots; check the panel and repeat the exposure")
    _check_single(areas, best, mask, step)
    corner = 0.0, 0.0
    if min(extent) < SMALL_MM:
        mask, coarse, step, corner = _closer(pixels, pitch_mm, mask, step, dark + 0.5 * (level - dark))
    return _describe(mask, coarse, step, corner, dark)


@dataclass(frozen=True)
class Unusable:
    """A field that cannot be measured: roughly where, (x, y) mm in the pixel frame, and why."""

    centre_mm: tuple[float, float]
    reason: str


def locate_all(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> tuple[Region | Unusable, ...]:
    """Every separate radiation field of an image, from the largest to the smallest.

    Each field has a threshold of its own, half of its own signal: off the axis fields are dimmer. Bright spots under 5 mm are set aside.
    AnalysisError when the image is blank or holds no field; what stands against one field (cut by the panel's edge, another too
    near) is said of that field only. Fails where two fields touch: they are one region.
    """
    from scipy.ndimage import find_objects, label

    coarse, step, dark, level = _coarse(pixels, pitch_mm)
    found: list[tuple[NDArray[np.bool_], float]] = []
    for _ in range(6):
        labels, _ = label(coarse > dark + max(DIMMEST * (level - dark), CLEAR * _noise(coarse, dark)))
        for number, box in enumerate(find_objects(labels), 1):
            own = np.where(labels[box] == number, coarse[box], dark)
            mask = np.zeros(coarse.shape, dtype=bool)
            threshold = dark + 0.5 * (float(np.percentile(own[own > dark], 90)) - dark)
            mask[box] = own > threshold
            if min(_extent(mask, step)) >= SMALLEST_MM:
                found.append((mask, threshold))
        if found:
            break
        coarse = np.where(labels > 0, dark, coarse)
        level = float(coarse.max())
        if level - dark < 10 * _noise(coarse, dark):
            break
    if not found:
        raise AnalysisError("no radiation field found: the image shows nothing bright of at least 5 mm; check beam and panel and repeat")
    found.sort(key=lambda item: -int(item[0].sum()))
    return tuple(
        _one_of_many(pixels, pitch_mm, k, [mask for mask, _ in found], found[k][1], (coarse, step, dark)) for k in range(len(found))
    )


def _extent(mask: NDArray[np.bool_], step: tuple[float, float]) -> tuple[float, float]:
    """Height and width of a mask, mm."""
    rows, columns = np.nonzero(mask)
    return (np.ptp(rows) + 1) * step[0], (np.ptp(columns) + 1) * step[1]


def _one_of_many(
    pixels: NDArray[np.float32],
    pitch_mm: tuple[float, float],
    k: int,
    masks: list[NDArray[np.bool_]],
    threshold: float,
    grid: tuple[Array, tuple[float, float], float],
) -> Region | Unusable:
    """The k-th of several masks as a region, or what stands against it."""
    from scipy.ndimage import distance_transform_edt

    (coarse, step, dark), mask = grid, masks[k]
    rows, columns = np.nonzero(mask)
    centre = float(columns.mean() * step[1]), float(rows.mean() * step[0])
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        return Unusable(centre, "the radiation field runs off the panel; move the panel or use a smaller field")
    others = [other for j, other in enumerate(masks) if j != k]
    apart = float(distance_transform_edt(~mask, sampling=step)[np.any(others, axis=0)].min()) - max(step) if others else float("inf")
    if apart < APART_MM - max(step):
        return Unusable(centre, f"another field is nearer than {APART_MM:.0f} mm to this one; expose them in separate images")
    corner = 0.0, 0.0
    if min(_extent(mask, step)) < SMALL_MM:
        mask, coarse, step, corner = _closer(pixels, pitch_mm, mask, step, threshold)
    return replace(_describe(mask, coarse, step, corner, dark), apart_mm=apart)


def _coarse(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> tuple[Array, tuple[float, float], float, float]:
    """The image on a coarse grid (median of 3 along rows, then columns), its step in mm, and its dark and bright levels."""
    every = max(1, round(COARSE_MM / pitch_mm[0])), max(1, round(COARSE_MM / pitch_mm[1]))
    grid = pixels[:: every[0], :: every[1]].astype(np.float64)
    if not np.isfinite(grid).all():
        raise AnalysisError("the image holds pixels that are not numbers; export it again")
    grid = _median3(_median3(grid).T).T
    dark, level = float(np.percentile(grid, 2)), float(grid.max())
    if level - dark <= 1e-6 * max(abs(level), 1.0) or level - dark < 10 * _noise(grid, dark):
        raise AnalysisError("the image is blank: no radiation field stands out; check that the beam was on and repeat the exposure")
    return grid, (every[0] * pitch_mm[0], every[1] * pitch_mm[1]), dark, level


def _median3(grid: Array) -> Array:
    """Each value replaced by the median of itself and its two neighbours along a row; the ends stay."""
    a, b, c = grid[:, :-2], grid[:, 1:-1], grid[:, 2:]
    middle = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    return np.hstack([grid[:, :1], middle, grid[:, -1:]])


def _noise(grid: Array, dark: float) -> float:
    """Noise of the coarse image from the median of neighbour differences (they hardly see the field)."""
    return middle(np.abs(np.diff(grid, axis=1))) / 0.954


def _check_single(areas: NDArray[np.intp], best: int, mask: NDArray[np.bool_], step: tuple[float, float]) -> None:
    """Refuse a second field of comparable size and a field that runs off the panel."""
    others = np.delete(areas, best - 1)
    if len(others) and others.max() > 0.25 * areas[best - 1] and others.max() * step[0] * step[1] > SMALLEST_MM**2:
        raise AnalysisError("more than one radiation field in the image; expose one field per image")
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        raise AnalysisError("the radiation field runs off the panel; centre the panel or use a smaller field")


def _closer(
    pixels: NDArray[np.float32], pitch_mm: tuple[float, float], mask: NDArray[np.bool_], step: tuple[float, float], threshold: float
) -> tuple[NDArray[np.bool_], Array, tuple[float, float], tuple[float, float]]:
    """Mask, signal, step and (row, column) corner in mm of a small field on a finer grid: its shape does not show on the coarse one."""
    from scipy.ndimage import label

    rows, columns = np.nonzero(mask)
    every = max(1, round(CLOSE_MM / pitch_mm[0])), max(1, round(CLOSE_MM / pitch_mm[1]))
    r0, r1 = (round((at * step[0] + room) / pitch_mm[0]) for at, room in ((rows.min(), -2 * step[0]), (rows.max(), 2 * step[0])))
    c0, c1 = (round((at * step[1] + room) / pitch_mm[1]) for at, room in ((columns.min(), -2 * step[1]), (columns.max(), 2 * step[1])))
    r0, c0 = max(r0, 0), max(c0, 0)
    fine = pixels[r0 : r1 + 1 : every[0], c0 : c1 + 1 : every[1]].astype(np.float64)
    bright = np.zeros((fine.shape[0] + 2, fine.shape[1] + 2), dtype=bool)
    bright[1:-1, 1:-1] = fine > threshold
    labels, _ = label(bright)
    largest = labels == int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    corner = (r0 - every[0]) * pitch_mm[0], (c0 - every[1]) * pitch_mm[1]
    return largest, np.pad(fine, 1, mode="edge"), (every[0] * pitch_mm[0], every[1] * pitch_mm[1]), corner


def _describe(mask: NDArray[np.bool_], coarse: Array, step: tuple[float, float], origin_mm: tuple[float, float], dark: float) -> Region:
    """Shape, angle and size of a mask by its smallest enclosing rectangle; ``origin_mm`` (row, column) is where its grid begins."""
    from scipy.ndimage import binary_erosion, binary_fill_holes

    rows, columns = np.nonzero(mask)
    corner = int(rows.min()) - 1, int(columns.min()) - 1  # the mask never touches the border
    crop = slice(corner[0], int(rows.max()) + 2), slice(corner[1], int(columns.max()) + 2)
    filled = binary_fill_holes(mask[crop])
    inside = binary_erosion(filled, iterations=2)
    level = float(np.percentile(coarse[crop][inside], 75)) if inside.any() else float(coarse[crop][filled].max())
    rows, columns = np.nonzero(filled & ~binary_erosion(filled))
    rows, columns = rows + corner[0], columns + corner[1]
    points = np.stack([columns * step[1] + origin_mm[1], rows * step[0] + origin_mm[0]])
    angles = np.radians(np.arange(-45.0, 45.0, 1.0))
    first = np.cos(angles)[:, None] * points[0] + np.sin(angles)[:, None] * points[1]
    second = -np.sin(angles)[:, None] * points[0] + np.cos(angles)[:, None] * points[1]
    area = (np.ptp(first, axis=1) + step[1]) * (np.ptp(second, axis=1) + step[0])
    k = int(np.argmin(area))
    shape = "rectangle" if filled.sum() * step[0] * step[1] / area[k] > ROUND else "cone"
    c1, c2 = (first[k].max() + first[k].min()) / 2, (second[k].max() + second[k].min()) / 2
    cos, sin = np.cos(angles[k]), np.sin(angles[k])
    half = (float(np.ptp(first[k]) + step[1]) / 2, float(np.ptp(second[k]) + step[0]) / 2)
    return Region((float(cos * c1 - sin * c2), float(sin * c1 + cos * c2)), half, float(np.degrees(angles[k])), shape, level, dark)
