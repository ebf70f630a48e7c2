"""A linac and its geometric faults, and the beam axes that follow from them."""

from dataclasses import dataclass
from math import cos, hypot, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from phantoms.aperture import SIMPLE, SQUARE_20, Aperture, Penumbra
from phantoms.panel import AS1200, Panel
from phantoms.rays import Point, Point3, project, to_fixed, to_gantry, turn

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
class Unsharpness:
    """What a focal spot `spot_mm` wide and a detector of `detector_mm` (one sigma, on the panel) make of a sharp edge.

    The spot is drawn as the Gaussian that has the variance of an evenly bright spot, `spot_mm`^2 / 12.
    """

    spot_mm: float
    detector_mm: float

    def at(self, distance_mm: float, sad_mm: float, sid_mm: float) -> float:
        """Sigma on the isocentre plane of an edge `distance_mm` from the source: the spot's image is (SID - d)/d wide."""
        spot = self.spot_mm / sqrt(12) * (sid_mm - distance_mm) / distance_mm
        return hypot(spot, self.detector_mm) * sad_mm / sid_mm


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
    * `imager_isocentre_mm`: the point of F (K of a kV imager) whose projection, from the nominal source, the panel is
      centred on besides all other displacements: what the imager takes for the isocentre.
    * `unsharpness`: blurs what stands in the beam by where it stands; None leaves each thing its own `blur_mm`.
    * `glare_fraction` of the signal is spread by a Gaussian of `glare_sigma_mm` (on the panel); `veil` is the part of
      the open signal that is scatter, the same everywhere.
    * `noise_sigma` is a fraction of the open beam, and its standard deviation there; `quantum_share` is the part of the
      variance that falls with the signal. `gain_slip` = (from, to, factor): a panel of two gains reads signals in
      between wrong by the factor. `black` is the signal of level 0, `full_scale` that of level 65535.
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
    glare_sigma_mm: float = 12.0
    veil: float = 0.0
    head_u_mm: Wave = STILL
    head_v_mm: Wave = STILL
    panel_u_mm: Wave = STILL
    panel_v_mm: Wave = STILL
    imager_isocentre_mm: Point3 = (0.0, 0.0, 0.0)
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
    unsharpness: Unsharpness | None = None
    noise_sigma: float = 0.0
    noise_correlation: float = 0.0
    quantum_share: float = 0.0
    gain_slip: Point3 = (0.0, 0.0, 1.0)
    black: float = 0.0
    full_scale: float = 1.25

    @property
    def radiation(self) -> str:
        """kV when the energy says so, else MV."""
        return "kV" if self.energy.lower().endswith("kv") else "MV"

    def source_uv_mm(self, shot: Shot) -> Point:
        """The focal spot across the nominal axis."""
        head = self._head(shot)
        return head[0] + self.focal_spot_mm[0], head[1] + self.focal_spot_mm[1]

    def panel_uv_mm(self, shot: Shot) -> Point:
        """The panel's centre on the panel plane, across the nominal axis."""
        g = shot.gantry_deg
        centred = project(to_gantry(self.imager_isocentre_mm, g), (0.0, 0.0), self.sad_mm).uv_mm
        stretch = (self.sid_mm + self.sid_error_mm) / self.sad_mm
        parts = zip((self.panel_u_mm.at(g), self.panel_v_mm.at(g)), self.receptor_mm, centred, strict=True)
        u, v = (unknown + known + stretch * point for unknown, known, point in parts)
        return u, v

    def blur_mm(self, magnification: float, own_mm: float) -> float:
        """Sigma on the isocentre plane of something that appears larger there by `magnification`; `own_mm` by default."""
        if self.unsharpness is None:
            return own_mm
        return self.unsharpness.at(self.sad_mm / magnification, self.sad_mm, self.sid_mm + self.sid_error_mm)

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
