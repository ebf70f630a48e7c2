"""The same phantom as solids in F, for the record beside the files, and for a second way to draw it."""

from collections.abc import Iterator, Mapping

import numpy as np

from phantoms.ctphantom_parts import Part, Round, Stripes, Thin, parts
from phantoms.ctphantom_place import Array, Placement
from phantoms.models import CtModel
from phantoms.solids import Cube, Cylinder, Solid, Sphere
from phantoms.volume_grid import Point


def build(
    model: CtModel, placement: Placement | None = None, hu: Mapping[str, float] | None = None, air_hu: float = -1000.0
) -> tuple[Solid, ...]:
    """Solids in the order to draw them: body, modules, what is in them. Pieces of one part carry its name and a number.

    Places follow the placement's scale and shear, sizes do not. A wire or bead has its own size and the CT number that its mass asks for.
    """
    placement = placement or Placement()
    found: list[Solid] = []
    levels: list[tuple[Round, float]] = []
    for part in parts(model, hu, air_hu):
        around = next((level for other, level in reversed(levels) if _holds(other, part)), air_hu)
        if isinstance(part, Round):
            levels.append((part, around + part.contrast_hu))
        found += _solids(part, placement, around)
    counts: dict[str, int] = {}
    named = []
    for solid in found:
        counts[solid.name] = counts.get(solid.name, 0) + 1
        name = solid.name if counts[solid.name] == 1 else f"{solid.name} {counts[solid.name]}"
        named.append(type(solid)(**{**solid.__dict__, "name": name}))
    return tuple(named)


def middle(part: Part) -> Point:
    """The middle of a part, in the phantom's axes."""
    if isinstance(part, Thin):
        x, y, z = np.mean(part.ends_mm, axis=0)
        return float(x), float(y), float(z)
    return part.x_mm, (part.low_mm + part.high_mm) / 2, part.z_mm


def _holds(other: Round, part: Part) -> bool:
    x, y, z = middle(part)
    return other.low_mm <= y <= other.high_mm and np.hypot(x - other.x_mm, z - other.z_mm) < other.radius_mm


def _solids(part: Part, placement: Placement, around: float) -> Iterator[Solid]:
    place = _point(placement.room(np.asarray(middle(part))))
    axis = _point(placement.matrix[:, 1])
    if isinstance(part, Round):
        yield Cylinder(part.name, place, axis, part.radius_mm, part.high_mm - part.low_mm, around + part.contrast_hu)
    elif isinstance(part, Stripes):
        turn = np.radians(part.turn_deg)
        along = np.array([np.cos(turn), 0.0, np.sin(turn)])
        edges = placement.matrix @ np.array([along, [0.0, 1.0, 0.0], [-along[2], 0.0, along[0]]]).T
        size = (part.width_mm, part.high_mm - part.low_mm, part.length_mm)
        for k in range(part.count):
            centre = np.asarray(middle(part)) + 2 * part.width_mm * (k - (part.count - 1) / 2) * along
            yield Cube(part.name, _point(placement.room(centre)), size, around + part.contrast_hu, _turn(edges))
    elif part.ends_mm[0] == part.ends_mm[1]:
        radius = part.spread_mm * np.sqrt(5)
        yield Sphere(part.name, place, float(radius), around + float(part.mass_hu / (4 / 3 * np.pi * radius**3)))
    else:
        ends = placement.room(np.asarray(part.ends_mm))
        radius, length = 2 * part.spread_mm, float(np.linalg.norm(ends[1] - ends[0]))
        yield Cylinder(part.name, place, _point(ends[1] - ends[0]), radius, length, around + part.mass_hu / (np.pi * radius**2))


def _turn(edges: Array) -> Point:
    """Turns about X, then Y, then Z (degrees) of a box with these edges as columns; a box is the same with an edge turned round."""
    unit, _, rest = np.linalg.svd(edges)
    turn = unit @ rest
    turn[:, 2] *= np.sign(np.linalg.det(turn))
    x, y, z = np.arctan2(turn[2, 1], turn[2, 2]), -np.arcsin(turn[2, 0]), np.arctan2(turn[1, 0], turn[0, 0])
    return float(np.degrees(x)), float(np.degrees(y)), float(np.degrees(z))


def _point(vector: Array) -> Point:
    x, y, z = vector
    return float(x), float(y), float(z)
