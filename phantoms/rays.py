"""Ray geometry of a gantry, its imager and a couch: from a point in the room to a point on the isocentre plane."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Point = tuple[float, float]
Point3 = tuple[float, float, float]


def turn(angle_deg: float) -> Array:
    """2 x 2 rotation, counter-clockwise; exact at multiples of 90 degrees."""
    quarter, rest = divmod(angle_deg, 90)
    if rest == 0:
        c, s = [(1, 0), (0, 1), (-1, 0), (0, -1)][int(quarter) % 4]
    else:
        c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.array([[c, -s], [s, c]], dtype=float)


def to_gantry(point_mm: Point3, gantry_deg: float) -> Point3:
    """Fixed frame to gantry frame: xg = x cos - z sin, zg = x sin + z cos."""
    xg, zg = turn(gantry_deg) @ (point_mm[0], point_mm[2])
    return float(xg), point_mm[1], float(zg)


def to_fixed(point_mm: Point3, gantry_deg: float) -> Point3:
    """Gantry frame to fixed frame, the inverse of `to_gantry`."""
    x, z = turn(gantry_deg).T @ (point_mm[0], point_mm[2])
    return float(x), point_mm[1], float(z)


@dataclass(frozen=True)
class Projected:
    """Where the ray from the source through a point meets the isocentre plane, and how much larger it appears there."""

    uv_mm: Point
    magnification: float


def project(gantry_mm: Point3, source_mm: Point, sad_mm: float) -> Projected:
    """Point in the gantry frame, seen from the source at (source_mm, SAD)."""
    magnification = sad_mm / (sad_mm - gantry_mm[2])
    u, v = (s + (p - s) * magnification for p, s in zip(gantry_mm[:2], source_mm, strict=True))
    return Projected((u, v), magnification)


@dataclass(frozen=True)
class PanelMap:
    """Affine map between pixels and the isocentre plane: uv = matrix @ ((row, column) - centre) + offset."""

    matrix: Array
    offset: Array
    centre: Array

    def to_plane(self, row: Array, column: Array) -> tuple[Array, Array]:
        """(u, v) in mm of pixel positions; the inputs broadcast, and stay unexpanded where an axis does not matter."""
        row, column = row - self.centre[0], column - self.centre[1]
        u, v = (
            combine(line[0], row, line[1], column) + start for line, start in zip(self.matrix, self.offset, strict=True)
        )
        return u, v

    def to_pixel(self, uv_mm: Point) -> Point:
        """(row, column) of a point of the isocentre plane."""
        row, column = np.linalg.solve(self.matrix, np.array(uv_mm) - self.offset) + self.centre
        return float(row), float(column)


def panel_map(
    pitch_mm: Point, centre_px: Point, shift_mm: Point, rotation_deg: float, source_mm: Point, shrink: float
) -> PanelMap:
    """Map of a panel at right angles to the axis; `shrink` = SAD over the true source-to-panel distance.

    The panel's own axes are columns along +u and rows along -v; it is turned by `rotation_deg` about its centre, which
    stands at `shift_mm` on the panel plane. A ray from the source s through uv meets the panel at s + (uv - s)/shrink.
    """
    to_panel = turn(rotation_deg) @ np.array([[0.0, pitch_mm[1]], [-pitch_mm[0], 0.0]])
    source = np.array(source_mm, dtype=float)
    return PanelMap(
        to_panel * shrink, source + (np.array(shift_mm) - source) * shrink, np.array(centre_px, dtype=float)
    )


def combine(a: float, x: Array, b: float, y: Array) -> Array:
    """a x + b y without broadcasting over an axis whose factor is zero (keeps separable things separable)."""
    if a == 0:
        return b * y
    return a * x if b == 0 else a * x + b * y
