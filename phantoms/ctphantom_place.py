"""Where a CT phantom stands: its axes in F, turned, reversed, mirrored, or drawn at a wrong scale by a system that is out of order."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phantoms.solids import turned
from phantoms.volume_grid import Point

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Placement:
    """The phantom's origin (the middle of its HU module) at ``offset_mm`` in F, turned about X (pitch), then Y (roll), then Z (yaw).

    Turns are counter-clockwise seen from the axis' tip: a positive roll is clockwise in a slice with x to the right and z up, a positive
    pitch lifts the gantry end, a positive yaw moves the gantry end to -x. ``reversed``: the other end towards the gantry, turned about the
    vertical. ``mirrored``: left and right exchanged, as no phantom stands but a wrong file shows it. ``scale`` (x, y, z) and ``shear``
    (x with y, x with z, y with z) are the reconstruction's: F sees scale and shear times what is there, about F's origin.
    """

    offset_mm: Point = (0.0, 0.0, 0.0)
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    yaw_deg: float = 0.0
    reversed: bool = False
    mirrored: bool = False
    scale: Point = (1.0, 1.0, 1.0)
    shear: Point = (0.0, 0.0, 0.0)

    @property
    def distortion(self) -> Array:
        """What the reconstruction does to directions in F."""
        (sx, sy, sz), (xy, xz, yz) = self.scale, self.shear
        return np.array([[sx, xy, xz], [0.0, sy, yz], [0.0, 0.0, sz]])

    @property
    def facing(self) -> Array:
        """Which way round it is: the identity, half a turn, a mirror image."""
        about = np.diag([-1.0, -1.0, 1.0]) if self.reversed else np.eye(3)
        result: Array = (np.diag([-1.0, 1.0, 1.0]) if self.mirrored else np.eye(3)) @ about
        return result

    @cached_property
    def matrix(self) -> Array:
        """Takes directions of the phantom to F as the volume shows them."""
        result: Array = self.distortion @ turned((self.pitch_deg, self.roll_deg, self.yaw_deg)) @ self.facing
        return result

    @property
    def origin_mm(self) -> Array:
        """Where the volume shows the phantom's origin, in F."""
        result: Array = self.distortion @ np.asarray(self.offset_mm)
        return result

    def room(self, points: Array) -> Array:
        """Places in F, as the volume shows them, of points (..., 3) of the phantom."""
        result: Array = np.asarray(points) @ self.matrix.T + self.origin_mm
        return result
