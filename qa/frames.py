"""The only place where a pixel becomes a millimetre, and a millimetre on the panel a line in the room.

Frame: IEC 61217 fixed frame F, mm, origin at the isocentre; X right for a viewer facing the gantry, Y towards the gantry, Z up. The
isocentre plane of an image has axes u (along gantry-rotated X) and v (towards the gantry), origin on the central ray of the panel's
centre pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Image

Array = NDArray[np.float64]


def pixel_mm(image: Image) -> tuple[float, float]:
    """The pixel pitch (row, column) scaled to the isocentre plane, mm: receptor pitch times SAD/SID."""
    scale = image.sad_mm / image.sid_mm
    return image.spacing_mm[0] * scale, image.spacing_mm[1] * scale


def to_plane(image: Image, row: float, column: float) -> tuple[float, float]:
    """(u, v) in mm on the isocentre plane of a pixel position, from the panel's centre ((rows-1)/2, (columns-1)/2); no tag-based shift."""
    rows, columns = image.shape
    pitch_v, pitch_u = pixel_mm(image)
    return image.column_u * (column - (columns - 1) / 2) * pitch_u, image.row_v * (row - (rows - 1) / 2) * pitch_v


def to_pixel(image: Image, u_mm: float, v_mm: float) -> tuple[float, float]:
    """(row, column) of a position on the isocentre plane: the inverse of ``to_plane``."""
    rows, columns = image.shape
    pitch_v, pitch_u = pixel_mm(image)
    return image.row_v * v_mm / pitch_v + (rows - 1) / 2, image.column_u * u_mm / pitch_u + (columns - 1) / 2


def receptor_mm(image: Image) -> Array:
    """(u, v) of the panel's centre pixel in the imager's own coordinates, on the isocentre plane; (0, 0) when the file is silent."""
    return np.array(image.receptor_mm or (0.0, 0.0)) * image.sad_mm / image.sid_mm


def angle_difference(a_deg: float, b_deg: float) -> float:
    """a - b on the circle, in [-180, 180) degrees; 359.99 and 0 differ by -0.01."""
    return (a_deg - b_deg + 180.0) % 360.0 - 180.0
