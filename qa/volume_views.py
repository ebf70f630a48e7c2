"""Three grey pictures through a place in a volume, along the axes of F, whatever way the volume was stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Volume

Array = NDArray[np.float64]
HALF_MM, STEP_MM = 14.0, 0.25  # half the side of a picture, and its pixel
PLANES = (("across (x, z)", 0, 2), ("from above (x, y)", 0, 1), ("from the side (y, z)", 1, 2))

View = tuple[str, tuple[int, int], NDArray[np.uint8], tuple[float, float, float, float]]


def views(volume: Volume, voxels: NDArray[np.float32], point_mm: Array) -> tuple[View, ...]:
    """(name, axes of F shown right and up, grey rows x columns from the top, extent left, right, bottom, top in mm) of three planes.

    Linear interpolation; what lies outside the volume is shown as its nearest voxel.
    """
    from scipy.ndimage import map_coordinates

    steps = np.array(volume.steps_mm)
    to_index = np.linalg.inv(steps.T)
    offset = np.arange(-HALF_MM, HALF_MM + STEP_MM / 2, STEP_MM)
    found = []
    for name, right, up in PLANES:
        places = np.broadcast_to(point_mm, (len(offset), len(offset), 3)).copy()
        places[:, :, right] += offset[None, :]
        places[:, :, up] += offset[::-1][:, None]
        index = (places - np.array(volume.origin_mm)) @ to_index.T
        low = np.maximum(np.floor(index.min(axis=(0, 1))).astype(int) - 1, 0)
        high = np.minimum(np.ceil(index.max(axis=(0, 1))).astype(int) + 2, volume.shape)
        crop = voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        values = map_coordinates(crop, np.moveaxis(index - low, -1, 0), order=1, mode="nearest")
        dark, bright = float(values.min()), float(values.max())
        grey = np.rint((values - dark) * (255.0 / max(bright - dark, 1e-30))).astype(np.uint8)
        edge = HALF_MM + STEP_MM / 2
        extent = point_mm[right] - edge, point_mm[right] + edge, point_mm[up] - edge, point_mm[up] + edge
        left, end, bottom, top = (float(value) for value in extent)
        found.append((name, (right, up), grey, (left, end, bottom, top)))
    return tuple(found)
