"""What stands in the beam: balls, rods and blocks, as the fraction of the beam that passes at a point of the plane."""

from dataclasses import dataclass
from math import hypot, inf

import numpy as np
from numpy.typing import NDArray

from phantoms.disc import blurred_ball
from phantoms.penumbra import REACH, edge
from phantoms.rays import Point, turn

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]  # u from, u to, v from, v to


@dataclass(frozen=True)
class Shadow:
    """A ball, placed by the projection of its centre on the isocentre plane.

    `diameter_mm` and `mu_per_mm` belong to the ball, `blur_mm` (one sigma) to the isocentre plane; `magnification` is
    SAD over the distance from the source to the ball.
    """

    u_mm: float
    v_mm: float
    diameter_mm: float
    mu_per_mm: float = 0.10
    blur_mm: float = 0.6
    magnification: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what has no size."""
        require_size(self.diameter_mm, self.blur_mm, self.magnification)

    def passes(self, u_mm: Array, v_mm: Array, source_mm: Point, sad_mm: float) -> Array:
        """exp(-mu * chord), blurred over the distance between the ray and the ball's centre, which is exact."""
        a, b = self.u_mm - source_mm[0], self.v_mm - source_mm[1]
        du, dv = u_mm - self.u_mm, v_mm - self.v_mm
        across = np.sqrt(sad_mm**2 * (du**2 + dv**2) + (a * dv - b * du) ** 2)
        length = self.magnification * np.sqrt((a + du) ** 2 + (b + dv) ** 2 + sad_mm**2)
        taken = blurred_ball(self.diameter_mm / 2, self.mu_per_mm, self.blur_mm / self.magnification)
        return 1 - taken(across / length)

    def box(self) -> Box:
        """Where it matters, with room for the obliquity of the rays."""
        r = 1.05 * (self.diameter_mm / 2 * self.magnification + REACH * self.blur_mm)
        return self.u_mm - r, self.u_mm + r, self.v_mm - r, self.v_mm + r


@dataclass(frozen=True)
class Block:
    """A blurred rectangle centred at (u, v), turned by `angle_deg`, that lets `transmission` through."""

    u_mm: float
    v_mm: float
    width_mm: float
    height_mm: float
    angle_deg: float = 0.0
    transmission: float = 0.8
    blur_mm: float = 0.6

    def __post_init__(self) -> None:
        """Refuse what has no size."""
        require_size(self.width_mm, self.height_mm, self.blur_mm)

    def passes(self, u_mm: Array, v_mm: Array, source_mm: Point, sad_mm: float) -> Array:
        """Fraction of the beam that passes; a flat thing, so the source is of no consequence."""
        c, s = turn(self.angle_deg)[:, 0]
        du, dv = u_mm - self.u_mm, v_mm - self.v_mm
        covered = _within(c * du + s * dv, self.width_mm, self.blur_mm) * _within(c * dv - s * du, self.height_mm, self.blur_mm)
        return 1 - (1 - self.transmission) * covered

    def box(self) -> Box:
        """Where it matters."""
        r = hypot(self.width_mm, self.height_mm) / 2 + REACH * self.blur_mm
        return self.u_mm - r, self.u_mm + r, self.v_mm - r, self.v_mm + r


@dataclass(frozen=True)
class Stem:
    """A rod's shadow: a strip of `width_mm` that starts at (u, v) and runs towards `direction_deg` (0 = +u, 90 = +v).

    It begins `start_mm` along that direction and ends after `length_mm` (infinite by default).
    """

    u_mm: float
    v_mm: float
    direction_deg: float
    width_mm: float
    transmission: float = 0.85
    blur_mm: float = 0.6
    start_mm: float = 0.0
    length_mm: float = inf

    def __post_init__(self) -> None:
        """Refuse what has no size."""
        require_size(self.width_mm, self.length_mm, self.blur_mm)

    def passes(self, u_mm: Array, v_mm: Array, source_mm: Point, sad_mm: float) -> Array:
        """Fraction of the beam that passes; a flat thing, so the source is of no consequence."""
        c, s = turn(self.direction_deg)[:, 0]
        along = c * (u_mm - self.u_mm) + s * (v_mm - self.v_mm) - self.start_mm
        across = c * (v_mm - self.v_mm) - s * (u_mm - self.u_mm)
        covered = edge(along, self.blur_mm) * _within(across, self.width_mm, self.blur_mm)
        if self.length_mm < inf:
            covered *= edge(self.length_mm - along, self.blur_mm)
        return 1 - (1 - self.transmission) * covered

    def box(self) -> Box:
        """Where it matters."""
        c, s = turn(self.direction_deg)[:, 0]
        r = self.width_mm / 2 + REACH * self.blur_mm
        end = min(self.start_mm + self.length_mm, 1e4)
        us = sorted((self.u_mm + c * self.start_mm, self.u_mm + c * end))
        vs = sorted((self.v_mm + s * self.start_mm, self.v_mm + s * end))
        return us[0] - r, us[1] + r, vs[0] - r, vs[1] + r


def require_size(*lengths: float) -> None:
    """ValueError unless all are positive."""
    if min(lengths) <= 0:
        raise ValueError(f"sizes, blur and magnification must be positive, found {lengths}")


def _within(x: Array, width: float, blur: float) -> Array:
    return edge(x + width / 2, blur) - edge(x - width / 2, blur)
