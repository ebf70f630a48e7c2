"""Phantoms for a CBCT: a metal ball in plastic, a cube with cavities, with rods, with balls, each on a couch or in the air.

Every phantom is placed by its own centre in F and turned about X, then Y, then Z, or by a rotation; mm, CT numbers HU at about 125 kV.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from phantoms.solids import Array, Cube, Cylinder, Solid, Sphere, turned, turns_deg
from phantoms.volume_grid import Point

ACRYLIC_HU, POLYSTYRENE_HU, BONE_HU, AIR_HU = 120.0, -40.0, 800.0, -1000.0
STEEL_HU, CERAMIC_HU = 9000.0, 2200.0  # steel is far above what a CBCT stores
SHELL_HU, FOAM_HU = -350.0, -930.0  # a carbon fibre couch top: shell and core
NOWHERE: Point = (0.0, 0.0, 0.0)
PENTA_MM = (NOWHERE, (42.0, 30.0, -28.0), (-42.0, -28.0, -30.0), (30.0, -42.0, 28.0), (-30.0, 40.0, 30.0))
FIVE_MM = (NOWHERE, (18.0, 20.0, -17.0), (-29.0, -28.0, -27.0), (23.0, -16.0, 22.0), (-22.0, 29.0, 24.0))  # distances 3.8 mm apart
PENTA_DIAMETERS_MM = (17.0, 10.0, 12.0, 14.0, 16.0)


@dataclass(frozen=True)
class Phantom:
    """Solids in the order to draw them, the name of the one that marks its centre, and points on it that no scan shows (in F)."""

    solids: tuple[Solid, ...]
    target: str
    marks: Mapping[str, Point] = field(default_factory=dict)


def ball_block(
    centre_mm: Point = NOWHERE,
    turn_deg: Point = NOWHERE,
    *,
    diameter_mm: float = 8.0,
    ball_hu: float = STEEL_HU,
    block_mm: float = 80.0,
    block_hu: float = POLYSTYRENE_HU,
    offset_mm: Point = NOWHERE,
    round_block: bool = True,
    couch: bool = True,
) -> Phantom:
    """A metal ball, its centre at ``centre_mm``, in a plastic cylinder along Y (or a cube), on a couch top.

    ``offset_mm`` is the ball's place in the block.
    """
    block_centre = _placed((-offset_mm[0], -offset_mm[1], -offset_mm[2]), centre_mm, turn_deg)
    axis = _placed((0.0, 1.0, 0.0), NOWHERE, turn_deg)
    block: Solid = (
        Cylinder("block", block_centre, axis, block_mm / 2, block_mm, block_hu)
        if round_block
        else Cube("block", block_centre, (block_mm,) * 3, block_hu, turn_deg)
    )
    ball = Sphere("ball", centre_mm, diameter_mm / 2, ball_hu)
    return Phantom((*(_couch(block) if couch else ()), block, ball), "ball")


def penta_cube(
    centre_mm: Point = NOWHERE,
    turn_deg: Point = NOWHERE,
    *,
    side_mm: float = 160.0,
    hu: float = ACRYLIC_HU,
    mark_mm: Point = (14.0, 12.0, 10.0),
    couch: bool = False,
) -> Phantom:
    """An acrylic cube with five spherical air cavities, "cavity 0" in its middle; the mark to set it up by is off-centre by ``mark_mm``."""
    cube = Cube("cube", centre_mm, (side_mm,) * 3, hu, turn_deg)
    places = [_placed(place, centre_mm, turn_deg) for place in PENTA_MM]
    cavities = [
        Sphere(f"cavity {k}", place, diameter / 2, AIR_HU)
        for k, (place, diameter) in enumerate(zip(places, PENTA_DIAMETERS_MM, strict=True))
    ]
    return Phantom((*(_couch(cube) if couch else ()), cube, *cavities), "cavity 0", {"mark": _placed(mark_mm, centre_mm, turn_deg)})


def mimi_cube(
    centre_mm: Point = NOWHERE,
    turn_deg: Point = NOWHERE,
    *,
    side_mm: float = 140.0,
    hu: float = ACRYLIC_HU,
    rod_mm: float = 10.0,
    rod_hu: float = BONE_HU,
    ball_mm: float = 8.0,
    ball_hu: float = CERAMIC_HU,
    couch: bool = False,
) -> Phantom:
    """A cube with bone-like rods along its three axes, which stop 10 mm short of a ball in the middle and of the faces."""
    cube = Cube("cube", centre_mm, (side_mm,) * 3, hu, turn_deg)
    near, far = ball_mm / 2 + 10.0, side_mm / 2 - 10.0
    rods = []
    for axis, direction in zip("xyz", np.eye(3), strict=True):
        for sign, word in ((1, "+"), (-1, "-")):
            middle = _placed(tuple(sign * (near + far) / 2 * direction), centre_mm, turn_deg)
            rods.append(Cylinder(f"rod {word}{axis}", middle, _placed(tuple(direction), NOWHERE, turn_deg), rod_mm / 2, far - near, rod_hu))
    ball = Sphere("ball", centre_mm, ball_mm / 2, ball_hu)
    return Phantom((*(_couch(cube) if couch else ()), cube, *rods, ball), "ball")


def ball_cube(
    centre_mm: Point = NOWHERE,
    rotation: Array | None = None,
    *,
    balls_mm: Sequence[Point] = FIVE_MM,
    diameters_mm: Sequence[float] | float = 6.0,
    names: Sequence[str] = (),
    ball_hu: float = CERAMIC_HU,
    side_mm: float = 80.0,
    hu: float = ACRYLIC_HU,
    mark_mm: Point = (14.0, 12.0, 10.0),
    couch: bool = False,
) -> Phantom:
    """A plastic cube with balls at any places in it (five by default), at any pose: its middle at ``centre_mm``, turned by ``rotation``.

    ``rotation`` (3, 3) takes the phantom's axes to F, whatever turns it was made of; None = upright. ``ball_hu`` below ``hu`` makes
    cavities. ``side_mm`` 0 draws no cube. ``names`` are the balls', by default "ball 1", ...; the first one is the target.
    """
    turn = np.eye(3) if rotation is None else rotation
    cube = Cube("cube", centre_mm, (side_mm,) * 3, hu, turns_deg(turn))
    wide = [diameters_mm] * len(balls_mm) if isinstance(diameters_mm, float) else list(diameters_mm)
    called = list(names) or [f"ball {k}" for k in range(1, len(balls_mm) + 1)]
    places = [_carried(turn, place, centre_mm) for place in (*balls_mm, mark_mm)]
    balls = [Sphere(name, place, d / 2, ball_hu) for name, place, d in zip(called, places, wide, strict=False)]
    body = (*(_couch(cube) if couch else ()), cube) if side_mm else ()
    return Phantom((*body, *balls), called[0], {"mark": places[-1]})


def _couch(block: Solid, thickness_mm: float = 50.0, width_mm: float = 530.0, length_mm: float = 2000.0) -> tuple[Solid, ...]:
    """A couch top under the lowest point of a phantom: a shell of 3 mm about a core of foam."""
    top = block.centre_mm[2] - block.reach(np.array([0.0, 0.0, 1.0])) - 0.01
    middle = (block.centre_mm[0], block.centre_mm[1], top - thickness_mm / 2)
    core = (width_mm - 6.0, length_mm - 6.0, thickness_mm - 6.0)
    return Cube("couch shell", middle, (width_mm, length_mm, thickness_mm), SHELL_HU), Cube("couch core", middle, core, FOAM_HU)


def _placed(point: Point | tuple[float, ...], centre_mm: Point, turn_deg: Point) -> Point:
    return _carried(turned(turn_deg), point, centre_mm)


def _carried(turn: Array, point: Point | tuple[float, ...], centre_mm: Point) -> Point:
    x, y, z = turn @ np.asarray(point) + np.asarray(centre_mm)
    return float(x), float(y), float(z)
