"""A linac and its geometric faults, and the beam axes that follow from them."""

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from phantoms.aperture import SIMPLE, SQUARE_20, Aperture, Penumbra
from phantoms.panel import AS1200, Panel
from phantoms.rays import Point, Point3, to_fixed, turn

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shot:
    """Readouts of one exposure: IEC angles, and the couch travel (x, y, z) since the phantom was placed."""

    gantry_deg: float = 0.0
    collimator_deg: float = 0.0
    couch_deg: float = 0.0
    travel_mm: Point3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Wave:
    """A length (mm) against an angle: mean, then cos and sin of the angle and of twice the angle."""

    mean: float = 0.0
    cos: float = 0.0
    sin: float = 0.0
    cos2: float = 0.0
    sin2: float = 0.0

    def at(self, angle_deg: float) -> float:
        """The length at one angle."""
        a = radians(angle_deg)
        return self.mean + self.cos * cos(a) + self.sin * sin(a) + self.cos2 * cos(2 * a) + self.sin2 * sin(2 * a)


STILL = Wave()


@dataclass(frozen=True)
class Linac:
    """A machine; every fault is zero by default. Lengths in mm, in the gantry frame, on the isocentre plane.

    * `head_u_mm`, `head_v_mm`: parallel displacement of source and collimator against the gantry angle. A mean of u of
      0.4 lets all beam axes touch a circle of 0.8 mm diameter; u = a cos - b sin only moves the isocentre to (a, 0, b).
    * `panel_u_mm`, `panel_v_mm`: displacement of the panel, on the panel, that the machine does not know of;
      `receptor_mm` is the one that it does and reports. `sid_error_mm`: true minus stated distance.
    * `collimator_axis_mm`: where the axis of collimator rotation meets the plane; `collimator_walkout_mm`: radius of
      the circle on which the field centre runs as the collimator turns (towards +u at 0 degrees).
    * `focal_spot_mm`: the spot across the collimator's axis; a field defined at `collimator_distance_mm` from the
      source moves by (1 - SAD/distance) times that.
    * `couch_axis_mm`: (x, y) of the couch's axis in F; `couch_walkout_mm`: radius of a wobble that turns twice per turn
      and is nil at 0 degrees; `couch_scale`: true travel over readout for (x, y, z).
    * `noise_sigma` is a fraction of the open beam; `full_scale` is the signal of level 65535.
    """

    name: str = "perfect"
    serial: str = "0001"
    sad_mm: float = 1000.0
    sid_mm: float = 1500.0
    panel: Panel = AS1200
    aperture: Aperture = SQUARE_20
    penumbra: Penumbra = SIMPLE
    energy: str = "6X"
    curvature_per_mm2: float = 0.0
    tilt_per_mm: Point = (0.0, 0.0)
    transmission: float = 0.002
    glare_fraction: float = 0.0
    head_u_mm: Wave = STILL
    head_v_mm: Wave = STILL
    panel_u_mm: Wave = STILL
    panel_v_mm: Wave = STILL
    panel_rotation_deg: float = 0.0
    receptor_mm: Point = (0.0, 0.0)
    sid_error_mm: float = 0.0
    collimator_axis_mm: Point = (0.0, 0.0)
    collimator_walkout_mm: float = 0.0
    collimator_distance_mm: float = 510.0
    focal_spot_mm: Point = (0.0, 0.0)
    couch_axis_mm: Point = (0.0, 0.0)
    couch_walkout_mm: float = 0.0
    couch_scale: Point3 = (1.0, 1.0, 1.0)
    noise_sigma: float = 0.0
    noise_correlation: float = 0.0
    full_scale: float = 1.25

    def source_uv_mm(self, shot: Shot) -> Point:
        """The focal spot across the nominal axis."""
        head = self._head(shot)
        return head[0] + self.focal_spot_mm[0], head[1] + self.focal_spot_mm[1]

    def axis_uv_mm(self, shot: Shot) -> Point:
        """Where the beam axis meets the isocentre plane."""
        lever = 1 - self.sad_mm / self.collimator_distance_mm
        walkout = turn(shot.collimator_deg) @ (self.collimator_walkout_mm, 0.0)
        parts = zip(self._head(shot), self.collimator_axis_mm, self.focal_spot_mm, walkout, strict=True)
        u, v = (head + axis + lever * spot + float(walk) for head, axis, spot, walk in parts)
        return u, v

    def _head(self, shot: Shot) -> Point:
        return self.head_u_mm.at(shot.gantry_deg), self.head_v_mm.at(shot.gantry_deg)


@dataclass(frozen=True)
class BeamAxis:
    """The line from the source through the centre of the radiation field, in F: a point (mm) and a unit vector."""

    source_mm: Point3
    direction: Point3


def beam_axes(linac: Linac, shots: tuple[Shot, ...]) -> tuple[BeamAxis, ...]:
    """True beam axes, one per shot; the field centre is that of the aperture, wherever it stands in the collimator."""
    return tuple(_beam_axis(linac, shot) for shot in shots)


def _beam_axis(linac: Linac, shot: Shot) -> BeamAxis:
    offset = turn(shot.collimator_deg) @ linac.aperture.centre_mm
    axis = linac.axis_uv_mm(shot)
    source = np.array(to_fixed((*linac.source_uv_mm(shot), linac.sad_mm), shot.gantry_deg))
    centre = np.array(to_fixed((axis[0] + float(offset[0]), axis[1] + float(offset[1]), 0.0), shot.gantry_deg))
    along = (centre - source) / np.linalg.norm(centre - source)
    return BeamAxis(_point(source), _point(along))


def _point(vector: Array) -> Point3:
    x, y, z = (float(value) for value in vector)
    return x, y, z
