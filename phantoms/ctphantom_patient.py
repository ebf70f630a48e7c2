"""Something that is no phantom: a trunk of soft tissue with lungs, a spine and an airway, for what must be refused."""

import numpy as np
from scipy.special import ndtr

from phantoms.ctphantom import Imaging, finished
from phantoms.ctphantom_place import Array
from phantoms.volume import Scanned
from phantoms.volume_grid import Grid, Point

# name, centre (x, z) and half axes (x, z) as parts of the half width, CT number; later ones lie in earlier ones
ORGANS = (
    ("skin", (0.0, 0.0), (1.0, 0.68), -100.0),
    ("muscle", (0.0, 0.0), (0.92, 0.60), 50.0),
    ("left lung", (0.45, 0.02), (0.33, 0.44), -750.0),
    ("right lung", (-0.45, 0.02), (0.36, 0.46), -750.0),
    ("heart", (0.14, 0.14), (0.24, 0.26), 45.0),
    ("spine", (0.0, -0.40), (0.13, 0.12), 300.0),
    ("canal", (0.0, -0.43), (0.045, 0.04), 30.0),
    ("airway", (0.0, -0.10), (0.06, 0.06), -1000.0),
)


def patient(
    grid: Grid, rng: np.random.Generator, how: Imaging | None = None, *, width_mm: float = 320.0, centre_mm: Point = (0.0, 0.0, 0.0)
) -> Scanned:
    """A scan of a trunk ``width_mm`` wide. Organs change along the trunk and from one patient to the next; edges are roughly blurred."""
    how = how or Imaging()
    voxels = np.full(grid.shape, how.air_hu, np.float32)
    drawn = [(centre, np.multiply(half, rng.uniform(0.92, 1.08, 2)), hu + rng.normal(0.0, 10.0)) for _, centre, half, hu in ORGANS]
    rows, columns = np.mgrid[: grid.shape[1], : grid.shape[2]]
    for k in range(grid.shape[0]):
        place = grid.room(np.stack([np.full(rows.shape, k), rows, columns], axis=-1)) - np.asarray(centre_mm)
        x, z = place[..., 0] / (width_mm / 2), place[..., 2] / (width_mm / 2)
        for (cx, cz), half, hu in drawn:
            grown = half * (1 + 0.0008 * place[..., 1].mean())
            share = _ellipse(x - cx, z - cz, grown, how.blur_mm[0] / (width_mm / 2))
            voxels[k] += (share * (hu - voxels[k])).astype(np.float32)
    return Scanned((), grid, how, finished(voxels, grid, rng, how), {})


def _ellipse(x: Array, z: Array, half: Array, sigma: float) -> Array:
    """Share filled by an ellipse: right at its edge and away from it, nearly so between."""
    away = np.hypot(x / half[0], z / half[1])
    result: Array = ndtr((1 - away) * half.min() / sigma)
    return result
