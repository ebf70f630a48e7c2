"""CBCT volumes of solids whose every centre is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from phantoms.solids import Cube, Cylinder, Solid, Sphere, outline
from phantoms.volume_average import add
from phantoms.volume_faults import Rings, Streaks, add_cupping, add_rings, add_streaks, noise
from phantoms.volume_grid import Grid, Point

__all__ = ["Centre", "Cube", "Cylinder", "Grid", "Rings", "Scan", "Scanned", "Solid", "Sphere", "Streaks", "draw", "scan"]

LEAST_BLUR_MM = 0.05  # below, the rule over a slice of 2 mm would need hundreds of nodes


@dataclass(frozen=True)
class Scan:
    """How the system reconstructs: blur, noise and artefacts, all in HU and mm.

    ``blur_mm`` is the Gaussian sigma (within the slices, across them), on top of the average over the voxel. ``noise_hu`` is the sd of
    the noise, its correlation falls as exp(-d^2/(2 L^2)) with L = ``correlation_mm``. ``cupping_hu`` is how much too low the middle is,
    ``cupping_mm`` where that ends. ``clip_hu`` is what can be stored, lowest and highest.
    """

    blur_mm: tuple[float, float] = (0.4, 0.4)
    air_hu: float = -1000.0
    noise_hu: float = 0.0
    correlation_mm: float = 0.8
    rings: Rings | None = None
    streaks: tuple[Streaks, ...] = ()
    cupping_hu: float = 0.0
    cupping_mm: float = 120.0
    clip_hu: tuple[float, float] = (-1000.0, 3071.0)

    def __post_init__(self) -> None:
        """Fails for a blur that the rule for voxel averages was not made for."""
        if min(self.blur_mm) < LEAST_BLUR_MM:
            raise ValueError(f"a blur of at least {LEAST_BLUR_MM} mm in both directions, found {self.blur_mm}")


@dataclass(frozen=True)
class Centre:
    """Where a solid really is: in F (mm), and as slice, row and column index with fractions."""

    f_mm: Point
    index: Point


@dataclass(frozen=True)
class Scanned:
    """One reconstruction: what was there, how it was seen, the voxels, and the true centres by the solids' names.

    ``voxels`` are HU, int16 (slices, rows, columns), read-only.
    """

    solids: tuple[Solid, ...]
    grid: Grid
    how: Scan
    voxels: NDArray[np.int16] = field(repr=False)
    truth: Mapping[str, Centre]


def scan(solids: Sequence[Solid], grid: Grid, rng: np.random.Generator, how: Scan | None = None) -> Scanned:
    """The volume that a system with these faults reconstructs; same arguments and generator state, same voxels.

    Fails when two solids cut each other, or share a name: see ``draw``.
    """
    how = how or Scan()
    voxels = draw(solids, grid, how)
    by_name = {solid.name: solid for solid in solids}
    if how.cupping_hu:
        add_cupping(voxels, grid, how.cupping_hu, how.cupping_mm)
    if how.rings:
        add_rings(voxels, grid, how.rings, rng)
    for streaks in how.streaks:
        ball = by_name[streaks.name]
        if not isinstance(ball, Sphere):
            raise ValueError(f"streaks come from a sphere, {streaks.name} is none")
        add_streaks(voxels, grid, streaks, ball.centre_mm, ball.radius_mm, how.blur_mm[1])
    if how.noise_hu:
        voxels += noise(rng, grid, how.noise_hu, how.correlation_mm)
    np.clip(voxels, *how.clip_hu, out=voxels)
    stored = np.rint(voxels, out=voxels).astype(np.int16)
    stored.flags.writeable = False
    return Scanned(tuple(solids), grid, how, stored, {solid.name: _centre(solid, grid) for solid in solids})


def draw(solids: Sequence[Solid], grid: Grid, how: Scan | None = None) -> NDArray[np.float32]:
    """The solids without faults, noise, clip or rounding: partial volume and blur only (HU, slices x rows x columns).

    A later solid replaces what it lies in: the last earlier one that holds its centre, or air. Solids nest or keep apart; where one cuts
    another's surface there is no such answer and ValueError is raised.
    """
    how = how or Scan()
    if len({solid.name for solid in solids}) < len(solids):
        raise ValueError(f"every solid needs a name of its own, found {[solid.name for solid in solids]}")
    voxels = np.full(grid.shape, how.air_hu, np.float32)
    for place, solid in enumerate(solids):
        around = _around(solid, solids[:place])
        add(voxels, grid, solid, solid.hu - (around.hu if around else how.air_hu), how.blur_mm)
    return voxels


def _around(solid: Solid, earlier: Sequence[Solid]) -> Solid | None:
    """The innermost earlier solid that this one lies in."""
    found = None
    surface = outline(solid)
    for other in earlier:
        inside = other.depth(surface) > -1e-6
        holds = bool(other.depth(np.asarray(solid.centre_mm)) > 0)
        if inside.all() and holds:
            found = other
        elif (other.depth(surface) > 1e-6).any() or (solid.depth(outline(other)) > 1e-6).any():
            raise ValueError(f"{solid.name} and {other.name} cut each other: solids nest or keep apart")
    return found


def _centre(solid: Solid, grid: Grid) -> Centre:
    slices, rows, columns = grid.index(np.asarray(solid.centre_mm))
    return Centre(solid.centre_mm, (float(slices), float(rows), float(columns)))
