"""A crop of an image as a smooth surface that can be sampled anywhere, in millimetres of the pixel frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array
from qa.features.region import Region


@dataclass(frozen=True)
class Surface:
    """A cubic spline through the pixels of a crop.

    ``values`` (rows, columns) are the pixels above the dark level, ``corner`` the (row, column) of its first pixel in the image,
    ``pitch_mm`` (row, column). Positions are (x, y) mm with the origin at the image's pixel (0, 0).
    """

    values: Array
    coefficients: Array
    corner: tuple[int, int]
    pitch_mm: tuple[float, float]

    @classmethod
    def around(cls, pixels: NDArray[np.float32], pitch_mm: tuple[float, float], region: Region, margin_mm: float) -> Surface:
        """The part of the image that holds the field and a margin around it."""
        from scipy.ndimage import spline_filter

        angle = np.radians(region.angle_deg)
        cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
        reach_x = region.half_mm[0] * cos + region.half_mm[1] * sin + margin_mm
        reach_y = region.half_mm[0] * sin + region.half_mm[1] * cos + margin_mm
        rows, columns = pixels.shape
        r0 = max(0, int((region.centre_mm[1] - reach_y) / pitch_mm[0]))
        r1 = min(rows, int((region.centre_mm[1] + reach_y) / pitch_mm[0]) + 2)
        c0 = max(0, int((region.centre_mm[0] - reach_x) / pitch_mm[1]))
        c1 = min(columns, int((region.centre_mm[0] + reach_x) / pitch_mm[1]) + 2)
        values = pixels[r0:r1, c0:c1].astype(np.float64) - region.dark
        return cls(values, spline_filter(values, order=3, mode="mirror"), (r0, c0), pitch_mm)

    def __call__(self, x_mm: Array, y_mm: Array) -> Array:
        """The signal at positions (any equal shapes); 0 outside the crop."""
        from scipy.ndimage import map_coordinates

        rows = y_mm / self.pitch_mm[0] - self.corner[0]
        columns = x_mm / self.pitch_mm[1] - self.corner[1]
        sampled = map_coordinates(self.coefficients, [rows.ravel(), columns.ravel()], order=3, mode="constant", prefilter=False)
        return np.asarray(sampled, dtype=np.float64).reshape(rows.shape)

    def grid(self) -> tuple[Array, Array]:
        """x of every column and y of every row of the crop, mm."""
        rows, columns = self.values.shape
        x = (np.arange(columns, dtype=np.float64) + self.corner[1]) * self.pitch_mm[1]
        y = (np.arange(rows, dtype=np.float64) + self.corner[0]) * self.pitch_mm[0]
        return np.asarray(x), np.asarray(y)
