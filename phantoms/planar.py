"""A planar phantom in a flat-panel image: every part blurred in closed form, every pixel its own average, open beam = 1.

Coordinates on the panel: u to the right along the columns, v up against the rows, mm from the panel's centre. The phantom is a flat map of
transmissions in one plane across the beam; its shadow is blurred by the imager's point spread, which makes its MTF exact. Beam profile,
field edges and the couch multiply what is so drawn, pixel by pixel.
"""

from dataclasses import dataclass
from itertools import product
from math import ceil

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel
from phantoms.panel import PAXSCAN, Panel
from phantoms.planar_blur import KV, Blur
from phantoms.planar_light import OPEN, Beam, Strip, lighting
from phantoms.planar_parts import painted
from phantoms.planar_shapes import REACH, Shape
from phantoms.rays import Point, turn
from phantoms.sampling import HALF, WEIGHTS

__all__ = ["Beam", "Placement", "Scene", "Strip", "draw"]
Array = NDArray[np.float64]
TILE = 12  # pixels
BATCH = 40_000  # samples at a time: they stay near the processor
STEP = 0.85  # lattice step over sigma at which the average over a pixel is good to 1e-5


@dataclass(frozen=True)
class Placement:
    """Where the phantom's origin is seen (u, v; mm at the panel), how its picture is turned (counter-clockwise), how far from the source.

    `mirrored`: the picture is flipped left to right before it is turned, as when the phantom lies face down.
    """

    centre_uv_mm: Point = (0.0, 0.0)
    angle_deg: float = 0.0
    mirrored: bool = False
    source_mm: float = 1000.0


@dataclass(frozen=True)
class Scene:
    """All of one image before the detector's noise. The model may be None: an open field."""

    model: PlanarModel | None
    panel: Panel = PAXSCAN
    placement: Placement = Placement()
    beam: Beam = OPEN
    strips: tuple[Strip, ...] = ()
    blur: Blur = KV
    sid_mm: float = 1500.0
    sad_mm: float = 1000.0

    @property
    def magnification(self) -> float:
        """Panel over phantom."""
        return self.sid_mm / self.placement.source_mm

    def to_phantom(self, row_px: Array, column_px: Array) -> tuple[Array, Array]:
        """Pixel positions to (x, y) of the phantom in mm."""
        down, across = self.panel.pitch_mm
        u = (column_px - self.panel.centre_px[1]) * across - self.placement.centre_uv_mm[0]
        v = (self.panel.centre_px[0] - row_px) * down - self.placement.centre_uv_mm[1]
        c, s = (float(value) / self.magnification for value in turn(self.placement.angle_deg)[:, 0])
        sign = -1.0 if self.placement.mirrored else 1.0
        return sign * (c * u + s * v), c * v - s * u


def draw(scene: Scene) -> Array:
    """Image (rows, columns), float64, noise-free; the phantom's own pattern right to 1e-5 of the open beam."""
    image = np.ones(scene.panel.shape)
    if scene.model:
        for shape in painted(scene.model):
            for weight, sigma in zip(scene.blur.weights, scene.blur.sigmas_mm, strict=True):
                _add(image, scene, shape, weight, sigma)
    return image * lighting(scene.panel, scene.beam, scene.strips)


def _add(image: Array, scene: Scene, shape: Shape, weight: float, sigma_mm: float) -> None:
    """One shape behind one Gaussian; tiles that lie wholly inside or outside cost nothing."""
    pitch = max(scene.panel.pitch_mm)
    count = max(1, ceil(pitch / (STEP * sigma_mm)))
    reach = (REACH * sigma_mm + 0.75 * (TILE + 1) * pitch) / scene.magnification
    rows, columns = np.arange(0, image.shape[0], TILE), np.arange(0, image.shape[1], TILE)
    middle_row: Array = np.asarray(rows[:, None] + (TILE - 1) / 2, np.float64)
    middle_column: Array = np.asarray(columns[None, :] + (TILE - 1) / 2, np.float64)
    outside = shape.outside_mm(*scene.to_phantom(middle_row, middle_column))
    if shape.plain:
        for i, j in np.argwhere(outside < -reach):
            image[rows[i] : rows[i] + TILE, columns[j] : columns[j] + TILE] += weight * shape.strength
    active = np.argwhere(np.abs(outside) <= reach) if shape.plain else np.argwhere(outside <= reach)
    lattice, average, zero = _lattice(count), _average(count), np.zeros(1)
    origin = scene.to_phantom(zero, zero)
    step = max(1, BATCH // lattice.size**2)
    for batch in (active[k : k + step] for k in range(0, len(active), step)):
        row, column = rows[batch[:, 0]][:, None, None] + lattice[:, None], columns[batch[:, 1]][:, None, None] + lattice
        by_row, by_column = scene.to_phantom(row, zero), scene.to_phantom(zero, column)
        by_column = by_column[0] - origin[0], by_column[1] - origin[1]
        tiles = weight * (average @ shape.at(by_row, by_column, sigma_mm / scene.magnification) @ average.T)
        for (i, j), tile in zip(batch, tiles, strict=True):
            part = image[rows[i] : rows[i] + TILE, columns[j] : columns[j] + TILE]
            part += tile[: part.shape[0], : part.shape[1]]


def _lattice(count: int) -> Array:
    """Sample positions of a tile in pixels from its first pixel's centre."""
    return -0.5 + (np.arange(TILE * count + 2 * HALF) - HALF + 0.5) / count


def _average(count: int) -> Array:
    """The matrix (pixels, samples) that turns samples into averages over each pixel."""
    matrix = np.zeros((TILE, TILE * count + 2 * HALF))
    for pixel, cell in product(range(TILE), range(count)):
        first = pixel * count + cell
        matrix[pixel, first : first + WEIGHTS.size] += WEIGHTS / count
    return matrix
