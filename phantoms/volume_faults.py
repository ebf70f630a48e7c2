"""What a cone-beam reconstruction adds to the truth: noise, rings, cupping, and the streaks of a metal ball.

Everything is in HU and returned anew or added in place to float32 voxels (slices, rows, columns); the generator is passed in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from phantoms.volume_grid import Grid, Point

Array = NDArray[np.float64]
Voxels = NDArray[np.float32]


@dataclass(frozen=True)
class Rings:
    """Rings about the rotation axis (the line through the CBCT isocentre along Y), as from detector columns of other gain.

    ``count`` rings of random radius below ``radius_mm``, each a Gaussian of sigma ``width_mm`` with a random height of sd ``hu``.
    """

    count: int = 12
    hu: float = 30.0
    radius_mm: float = 80.0
    width_mm: float = 0.5


@dataclass(frozen=True)
class Streaks:
    """A star of bright and dark rays about a metal ball, falling as 1/r, in the slices that the ball is in.

    ``hu`` is the height of the rays at the ball's surface: ``rays`` bright ones, and as many dark ones between them. An odd number is
    antisymmetric about the ball's centre, an even number symmetric. ``band_hu`` (negative: dark) is the depth of two opposite bands at
    ``band_deg`` (from the columns' direction towards growing rows) of half width ``band_width_deg``. ``lopsided`` between -1 and 1 makes
    everything stronger on the side of ``band_deg`` and weaker on the other: streaks that pull at a centre of mass.
    """

    name: str  # of the sphere
    hu: float = 150.0
    rays: int = 7
    phase_deg: float = 10.0
    band_hu: float = -150.0
    band_deg: float = 20.0
    band_width_deg: float = 12.0
    lopsided: float = 0.0


def noise(rng: np.random.Generator, grid: Grid, sd_hu: float, correlation_mm: float) -> Voxels:
    """Stationary Gaussian noise of sd ``sd_hu`` whose correlation falls as exp(-d^2/(2 L^2)), L = ``correlation_mm``, in every direction.

    The sd is exact for every voxel. Opposite faces of the volume are neighbours. Along an axis whose pitch is far above L it is white.
    """
    voxels = rng.standard_normal(grid.shape, dtype=np.float32)
    for axis, pitch in enumerate(grid.spacing_mm):
        kernel = _kernel(correlation_mm / pitch)
        if len(kernel) > 1:
            voxels = correlate1d(voxels, kernel, axis=axis, mode="wrap")
    return voxels * np.float32(sd_hu)


def _kernel(length: float) -> Array:
    """Weights of unit energy whose autocorrelation at whole voxels is exp(-k^2/(2 length^2)): the root of its spectrum, turned back."""
    reach = int(np.ceil(5 * length)) + 3
    lag = np.fft.fftfreq(2 * reach + 1, 1 / (2 * reach + 1))
    spectrum = np.fft.rfft(np.exp(-(lag**2) / (2 * max(length, 1e-6) ** 2))).real
    kernel = np.fft.fftshift(np.fft.irfft(np.sqrt(np.maximum(spectrum, 0.0)), 2 * reach + 1))
    kept: Array = kernel[np.abs(kernel) > 1e-4 * kernel.max()]
    kept /= np.sqrt((kept**2).sum())
    return kept


def add_rings(voxels: Voxels, grid: Grid, rings: Rings, rng: np.random.Generator) -> None:
    """Add rings in place."""
    radii = rings.radius_mm * np.sqrt(rng.uniform(0.0, 1.0, rings.count))
    heights = rings.hu * rng.standard_normal(rings.count)
    radius = np.arange(0.0, rings.radius_mm + 6 * rings.width_mm, rings.width_mm / 20)
    profile = (heights * np.exp(-((radius[:, None] - radii) ** 2) / (2 * rings.width_mm**2))).sum(axis=1)
    for k, away in enumerate(_from_axis(grid)):
        voxels[k] += np.interp(away, radius, profile, right=0.0).astype(np.float32)


def add_cupping(voxels: Voxels, grid: Grid, depth_hu: float, radius_mm: float) -> None:
    """Lower the CT numbers by ``depth_hu`` on the rotation axis, less towards ``radius_mm`` (a parabola), in place."""
    for k, away in enumerate(_from_axis(grid)):
        voxels[k] -= (depth_hu * np.maximum(0.0, 1 - (away / radius_mm) ** 2)).astype(np.float32)


def add_streaks(voxels: Voxels, grid: Grid, streaks: Streaks, centre_mm: Point, radius_mm: float, across_mm: float) -> None:
    """Add the star of one ball in place; ``across_mm`` is the blur across the slices."""
    slices, rows, columns = grid.index(np.asarray(centre_mm))
    down = (np.arange(grid.shape[1]) - rows)[:, None] * grid.spacing_mm[1]
    right = (np.arange(grid.shape[2]) - columns)[None, :] * grid.spacing_mm[2]
    away, angle = np.hypot(down, right), np.arctan2(down, right)
    fall = np.where(away > radius_mm, radius_mm / np.maximum(away, 1e-9), (away / radius_mm) ** 2)
    star = streaks.hu * np.cos(streaks.rays * angle - np.radians(streaks.phase_deg))
    off = angle - np.radians(streaks.band_deg)
    bands = streaks.band_hu * np.exp(-(np.sin(off) ** 2) / (2 * np.sin(np.radians(streaks.band_width_deg)) ** 2))
    pattern = fall * (star + bands) * (1 + streaks.lopsided * np.cos(off))
    half = np.hypot(radius_mm, 2 * across_mm) + grid.spacing_mm[0] / 2
    for k in range(grid.shape[0]):
        height = (k - slices) * grid.spacing_mm[0] / half
        if abs(height) < 1:
            voxels[k] += (np.sqrt(1 - height**2) * pattern).astype(np.float32)


def _from_axis(grid: Grid) -> list[Array]:
    """Distance of every voxel from the rotation axis, one array (rows, columns) per slice; the same one where the slices are axial."""
    rows, columns = np.mgrid[: grid.shape[1], : grid.shape[2]]
    x, _, z = np.moveaxis(grid.room(np.stack([np.zeros(rows.shape), rows, columns], axis=-1)), -1, 0)
    step_x, _, step_z = grid.steps_mm[0]
    if max(abs(step_x), abs(step_z)) * grid.shape[0] < 1e-6:
        return [np.hypot(x, z)] * grid.shape[0]
    return [np.hypot(x + k * step_x, z + k * step_z) for k in range(grid.shape[0])]
