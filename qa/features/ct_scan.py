"""A CT scan as pictures across the couch: x to the right and z up in every slice, y along the stack, all in mm of frame F.

Slices are decoded when they are asked for and kept as crops, so that memory holds the phantom's part of those that matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Volume
from qa.features.position import Array
from qa.reading import AnalysisError

ALONG = 0.9  # cosine: slices further from lying across the couch's axis (25 degrees) are reformats, not scans of a phantom on a couch
AT_ONCE = 8  # slices decoded together: bounds the memory
FEWEST_SLICES = 5  # a module needs several; fewer hold no length at all

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Scan:
    """The geometry of a volume whose slices lie across the couch's axis.

    ``axes`` are unit vectors in F, rows: to the right along x, along the stack towards +y, up along z. A place in the scan is
    (a, t, b), its parts along these.
    ``start`` is the place of voxel (0, 0, 0), ``step`` (right, along, up) the signed way per column, slice and row.
    """

    volume: Volume
    axes: Array
    start: tuple[float, float, float]
    step: tuple[float, float, float]
    kept: dict[tuple[int, tuple[int, int, int, int]], Picture] = field(default_factory=dict, compare=False, repr=False)

    @property
    def pitch_mm(self) -> tuple[float, float]:
        """(row, column) distance of pixels."""
        return abs(self.step[2]), abs(self.step[0])

    @property
    def slice_mm(self) -> float:
        """Distance of slices."""
        return abs(self.step[1])

    @property
    def count(self) -> int:
        """How many slices there are."""
        return self.volume.shape[0]

    def y_mm(self, slices: Array | Sequence[int] | int) -> Array:
        """Where slices are along the stack."""
        return np.asarray(self.start[1] + np.asarray(slices) * self.step[1])

    def slice_at(self, y_mm: float) -> float:
        """The slice, with fraction, at a place along the stack."""
        return (y_mm - self.start[1]) / self.step[1]

    def between(self, low_mm: float, high_mm: float) -> list[int]:
        """The slices whose middles lie from a lower to a higher place along the stack, ascending along it."""
        if low_mm > high_mm:
            return []
        ends = sorted((self.slice_at(low_mm), self.slice_at(high_mm)))
        found = list(range(max(int(np.ceil(ends[0] - 1e-6)), 0), min(int(np.floor(ends[1] + 1e-6)), self.count - 1) + 1))
        return found if self.step[1] > 0 else found[::-1]

    def window(self, x_mm: float, z_mm: float, half_mm: float) -> tuple[int, int, int, int]:
        """(first row, end row, first column, end column) of a square about a place, cut to the image."""
        row, column = (z_mm - self.start[2]) / self.step[2], (x_mm - self.start[0]) / self.step[0]
        down, across = half_mm / self.pitch_mm[0], half_mm / self.pitch_mm[1]
        rows, columns = self.volume.shape[1:]
        low = max(int(np.floor(row - down)), 0), max(int(np.floor(column - across)), 0)
        return low[0], min(int(np.ceil(row + down)) + 1, rows), low[1], min(int(np.ceil(column + across)) + 1, columns)

    def crops(self, slices: Sequence[int], window: tuple[int, int, int, int]) -> list[Picture]:
        """That part of each slice, kept for the next who asks. DicomError when a file is gone."""
        absent = [k for k in slices if (k, window) not in self.kept]
        top, bottom, left, right = window
        for n in range(0, len(absent), AT_ONCE):
            some = absent[n : n + AT_ONCE]
            planes = self.volume.planes(some)
            for k, plane in zip(some, planes, strict=True):
                self.kept[k, window] = np.ascontiguousarray(plane[top:bottom, left:right])
        return [self.kept[k, window] for k in slices]

    def picture(self, crop: Picture, window: tuple[int, int, int, int]) -> View:
        """A crop, or a mean of crops, as a picture with its place in F."""
        column = self.start[0] + window[2] * self.step[0], self.step[0]
        row = self.start[2] + window[0] * self.step[2], self.step[2]
        return View(crop, column, row)

    def room(self, place: Array) -> Array:
        """Places (a, t, b) of the scan in F."""
        return np.asarray(place @ self.axes)


@dataclass(frozen=True)
class View:
    """Pixels (rows, columns) with the place of the first one and the signed way per step: ``column`` along x, ``row`` along z."""

    pixels: Picture
    column: tuple[float, float]
    row: tuple[float, float]

    @property
    def pitch_mm(self) -> tuple[float, float]:
        """(row, column) distance of pixels."""
        return abs(self.row[1]), abs(self.column[1])

    @property
    def values(self) -> Array:
        """The pixels in double precision."""
        return self.pixels.astype(np.float64)

    @property
    def x_mm(self) -> Array:
        """x of every column."""
        return np.asarray(self.column[0] + self.column[1] * np.arange(self.pixels.shape[1]), dtype=np.float64)

    @property
    def z_mm(self) -> Array:
        """z of every row."""
        return np.asarray(self.row[0] + self.row[1] * np.arange(self.pixels.shape[0]), dtype=np.float64)

    def place(self, x_mm: float, z_mm: float) -> tuple[float, float]:
        """A place as (x, y) mm from the centre of pixel (0, 0) along columns and rows, as the image primitives count."""
        return (x_mm - self.column[0]) * float(np.sign(self.column[1])), (z_mm - self.row[0]) * float(np.sign(self.row[1]))

    def near(self, x_mm: float, z_mm: float, half_mm: float) -> View:
        """The part within a square about a place. AnalysisError where it leaves the picture."""
        column, row = (x_mm - self.column[0]) / self.column[1], (z_mm - self.row[0]) / self.row[1]
        down, across = half_mm / self.pitch_mm[0], half_mm / self.pitch_mm[1]
        rows, columns = self.pixels.shape
        top, left = int(np.floor(row - down)), int(np.floor(column - across))
        bottom, right = int(np.ceil(row + down)) + 1, int(np.ceil(column + across)) + 1
        if top < 0 or left < 0 or bottom > rows or right > columns:
            raise AnalysisError("a part of the phantom lies outside the image; take a larger field of view or centre the phantom")
        start = self.column[0] + left * self.column[1], self.row[0] + top * self.row[1]
        return View(self.pixels[top:bottom, left:right], (start[0], self.column[1]), (start[1], self.row[1]))

    def sampled(self, x_mm: Array, z_mm: Array) -> Array:
        """Values at places, linear between pixels, the nearest pixel outside."""
        rows, columns = self.pixels.shape
        column = np.clip((x_mm - self.column[0]) / self.column[1], 0, columns - 1.001)
        row = np.clip((z_mm - self.row[0]) / self.row[1], 0, rows - 1.001)
        r, c = row.astype(np.intp), column.astype(np.intp)
        fr, fc = (row - r).astype(np.float32), (column - c).astype(np.float32)
        p = self.pixels
        top = p[r, c] * (1 - fc) + p[r, c + 1] * fc
        return np.asarray(top * (1 - fr) + (p[r + 1, c] * (1 - fc) + p[r + 1, c + 1] * fc) * fr)


def of(volume: Volume) -> Scan:
    """The scan of a volume. AnalysisError for slices that do not lie across the couch's axis, and for too few of them."""
    if volume.shape[0] < FEWEST_SLICES:
        raise AnalysisError(f"the scan has {volume.shape[0]} slices and at least {FEWEST_SLICES} are needed: scan the whole phantom")
    slices, rows, columns = (np.array(step) / np.linalg.norm(step) for step in volume.steps_mm)
    signs = np.sign([columns[0], slices[1], rows[2]])
    axes = np.array([columns, slices, rows]) * signs[:, None]
    if min(axes[0, 0], axes[1, 1], axes[2, 2]) < ALONG:
        raise AnalysisError("the slices do not lie across the couch's axis: hand in the reconstruction's transverse slices")
    right, along, up = (float(v) for v in signs * np.array(volume.pitch_mm)[[2, 0, 1]])
    a, t, b = (float(v) for v in axes @ np.array(volume.origin_mm))
    return Scan(volume, axes, (a, t, b), (right, along, up))
