"""Where the balls of a volume are, roughly: compact pieces above a level, looked for in a reduced copy.

The reduced copy holds means over blocks of about 1.8 mm in plane; the volume itself is never copied. Levels fall from the brightest voxel
towards the surroundings, so that a metal ball, one of ceramic and a cavity (the volume counted backwards) each stand free at some level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array

BLOCK_MM = 1.8  # a ball of 4 mm still fills one of them
SMALLEST_MM, LARGEST_MM = 2.0, 24.0  # extents of a piece; balls of 4 to 20 mm at half of their contrast, partial blocks counted
LONGEST = 2.0  # times as long one way as another: not a ball (a slice of 2.5 mm may add one to the three of a ball of 4 mm)
FULL = 0.30  # of its box; a ball fills 0.52, coarse blocks make it more, a bent wire or a cross less
LEVELS_HU = (2500.0, 1700.0, 1150.0, 780.0, 520.0, 350.0, 240.0)  # each two thirds of the last: some level cuts a ball near its half
DARK_HU = (-850.0, -650.0, -450.0, -250.0, -100.0)  # a cavity in plastic stands free below one of them
NOISES = 6.0  # the largest of a million noisy blocks is five deviations high
CONTRAST_HU = 150.0  # less is not told from noise of 50 HU that is correlated


@dataclass(frozen=True)
class Piece:
    """A compact piece: its middle (slice, row, column) mm, half its mean extent, by how much it differs from what is around it (HU),
    the level around it, +1 for bright and -1 for dark, and whether it reaches the volume's end.
    """

    centre_mm: Array
    radius_mm: float
    contrast: float
    around: float
    sign: int
    cut: bool


def pieces(voxels: NDArray[np.float32], pitch_mm: tuple[float, float, float], sign: int) -> list[Piece]:
    """Compact bright (+1) or dark (-1) pieces, strongest first; each place once."""
    reduced, step, offset = _reduced(voxels, pitch_mm)
    values = reduced if sign > 0 else -reduced
    found: list[Piece] = []
    for level in LEVELS_HU if sign > 0 else [-x for x in DARK_HU]:
        for box, mask in _compact(values > level, step):
            piece = _piece(values, box, mask, step, offset, sign)
            if piece.contrast >= CONTRAST_HU and not any(_same(piece, other) for other in found):
                found.append(piece)
    return sorted(found, key=lambda piece: -piece.contrast)


def _reduced(voxels: NDArray[np.float32], pitch: tuple[float, float, float]) -> tuple[NDArray[np.float32], Array, Array]:
    """Block means in plane (slices are kept), the steps of the blocks, and the place of the first block's middle."""
    by = [max(1, round(BLOCK_MM / p)) for p in pitch[1:]]
    rows, columns = (voxels.shape[1 + k] // by[k] for k in (0, 1))
    result = np.empty((len(voxels), rows, columns), np.float32)
    for k, picture in enumerate(voxels):
        bands = picture[: rows * by[0], : columns * by[1]].reshape(rows, by[0], columns * by[1]).sum(axis=1)
        result[k] = sum(bands[:, j :: by[1]] for j in range(by[1]))
    result /= by[0] * by[1]
    step = np.array([pitch[0], pitch[1] * by[0], pitch[2] * by[1]])
    return result, step, np.array([0.0, pitch[1] * (by[0] - 1) / 2, pitch[2] * (by[1] - 1) / 2])


def _compact(above: NDArray[np.bool_], step: Array) -> Iterator[tuple[tuple[slice, ...], NDArray[np.bool_]]]:
    """Connected pieces of a ball's size and shape: their boxes and masks in them."""
    from scipy.ndimage import find_objects, label

    lit = [np.nonzero(above.any(axis=other))[0] for other in ((1, 2), (0, 2), (0, 1))]
    if not all(len(axis) for axis in lit):
        return
    start = [int(axis[0]) for axis in lit]
    part = above[tuple(slice(axis[0], axis[-1] + 1) for axis in lit)]
    labels, _ = label(part)
    for number, box in enumerate(find_objects(labels), 1):
        extent = np.array([(s.stop - s.start) for s in box]) * step
        if not (extent.max() <= LARGEST_MM and extent[1:].min() >= SMALLEST_MM):
            continue
        if extent.max() > LONGEST * extent.min() + step.max():
            continue
        mask = labels[box] == number
        if mask.mean() >= FULL:
            yield tuple(slice(s.start + o, s.stop + o) for s, o in zip(box, start, strict=True)), mask


def _piece(values: NDArray[np.float32], box: tuple[slice, ...], mask: NDArray[np.bool_], step: Array, offset: Array, sign: int) -> Piece:
    """Its middle weighted with what stands out, the level around from a shell one and two blocks outside its box."""
    wide = tuple(slice(max(0, s.start - 2), min(n, s.stop + 2)) for s, n in zip(box, values.shape, strict=True))
    shell = np.ones(tuple(s.stop - s.start for s in wide), bool)
    inner = tuple(slice(b.start - w.start - (b.start > w.start), b.stop - w.start + 1) for b, w in zip(box, wide, strict=True))
    shell[inner] = False
    inside = values[box][mask]
    around = float(np.median(values[wide][shell])) if shell.any() else float(values[box].min())
    speckle = NOISES * 1.4826 * float(np.median(np.abs(values[wide][shell] - around))) if shell.any() else 0.0
    weight = np.where(mask, np.maximum(values[box] - around, 0), 0)
    index = np.stack(np.meshgrid(*[np.arange(s.start, s.stop) for s in box], indexing="ij"))
    middle = (index * weight).sum(axis=(1, 2, 3)) / max(float(weight.sum()), 1e-9)
    extent = np.array([s.stop - s.start for s in box]) * step
    radius = float((mask.sum() * step.prod() * 3 / (4 * np.pi)) ** (1 / 3))
    cut = any(s.start == 0 or s.stop == n for s, n in zip(box, values.shape, strict=True))
    contrast = float(np.percentile(inside, 90)) - around
    contrast = contrast if contrast > speckle else 0.0
    return Piece(middle * step + offset, min(radius, float(extent.mean()) / 2), contrast, around, sign, cut)


def _same(piece: Piece, other: Piece) -> bool:
    """The same place at another level."""
    return bool(np.linalg.norm(piece.centre_mm - other.centre_mm) < max(piece.radius_mm, other.radius_mm))
