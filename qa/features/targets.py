"""Each of several small fields as a picture of its own, so that it is measured exactly as a single field is.

Ball and field of a target are found by ``ball_in_field`` in its window; other fields are painted dark there. What lies within 3 mm of
the field's own edges, all that the algorithms look at, is left as it was taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.region import Region, Unusable, locate_all

MARGIN_MM = 12.0  # around the field: room for the profiles, for the spline, and for the picture to be turned
TAIL_MM = 3.0  # of the penumbra of another field that is painted dark with it


@dataclass(frozen=True)
class Window:
    """One field's surroundings: ``pixels`` (rows, columns), the (row, column) of its first pixel in the image, the coarse field."""

    pixels: NDArray[np.float32]
    corner: tuple[int, int]
    region: Region


def windows(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> tuple[Window | Unusable, ...]:
    """A window on each separate field of an image, or why that field cannot be used.

    ``pitch_mm`` (row, column) on the isocentre plane. AnalysisError when the image is blank or shows no field at all.
    """
    found = locate_all(pixels, pitch_mm)
    regions = [item for item in found if isinstance(item, Region)]
    return tuple(_window(pixels, pitch_mm, item, regions) if isinstance(item, Region) else item for item in found)


def _window(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], region: Region, regions: list[Region]) -> Window:
    """The pixels around a field; those of other fields and their penumbra become as dark as the darkest tenth of the window."""
    reach = float(np.hypot(*region.half_mm)) + MARGIN_MM
    (r0, r1), (c0, c1) = (
        (max(0, int((region.centre_mm[1 - k] - reach) / pitch_mm[k])), int((region.centre_mm[1 - k] + reach) / pitch_mm[k]) + 2)
        for k in (0, 1)
    )
    crop = np.array(pixels[r0:r1, c0:c1])
    x, y = (
        np.arange(c0, c0 + crop.shape[1], dtype=np.float64) * pitch_mm[1],
        np.arange(r0, r0 + crop.shape[0], dtype=np.float64) * pitch_mm[0],
    )
    dark = np.float32(np.percentile(crop, 10))
    for other in regions:
        if other is not region and np.hypot(*np.subtract(other.centre_mm, region.centre_mm)) < reach + np.hypot(*other.half_mm) + TAIL_MM:
            crop[other.inside(x[None, :], y[:, None], -TAIL_MM)] = dark
    return Window(crop, (r0, c0), region)
