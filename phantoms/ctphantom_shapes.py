"""The average of a circle, or of a group of bars, over the pixels about given points, behind a blur."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import map_coordinates, spline_filter
from scipy.special import ndtr

from phantoms.ctphantom_frame import BEYOND, FINE, Frame
from phantoms.ctphantom_parts import Stripes
from phantoms.ctphantom_place import Array
from phantoms.disc import blurred_disc_at

KNOT = 0.2  # sigmas between the knots of a table over the distance: a cubic spline is good to 2e-5
COARSE = 12  # knots per sigma of a circle's profile that are computed: a cubic spline is good to 1e-5
ANGLES = 36  # of a table, over half a turn: a pixel's shadow has harmonics of 4 and 8
PAD = 6  # knots beyond a table's ends, for the spline


@dataclass(frozen=True)
class Circle:
    """A circle's average about points at a distance and in a direction from its centre."""

    radius_mm: float
    start_mm: float
    knot_mm: float
    reach_mm: float
    coefficients: Array

    @classmethod
    def of(cls, radius: float, frame: Frame) -> "Circle":
        """The table of one radius."""
        reach, knot = frame.reach_mm, KNOT * frame.sigma_mm
        start = max(radius - reach, 0.0) - PAD * knot
        distance = start + knot * np.arange(np.ceil((radius + reach - start) / knot) + PAD + 1)
        angle = np.pi / ANGLES * np.arange(ANGLES)
        coarse = radius + frame.sigma_mm * np.arange(-1.4 * BEYOND, 1.4 * BEYOND, 1 / COARSE)
        coarse = coarse[coarse > -1.5 * frame.sigma_mm / COARSE]
        fine = np.arange(coarse[0], coarse[-1], frame.sigma_mm / FINE)
        profile = CubicSpline(coarse, blurred_disc_at(coarse, radius, frame.sigma_mm))(fine)
        x, z = distance[:, None] * np.cos(angle), distance[:, None] * np.sin(angle)
        values = np.zeros(x.shape)
        for (off_x, off_z), weight in zip(frame.nodes_mm, frame.weights, strict=True):
            values += weight * np.interp(np.hypot(x + off_x, z + off_z), fine, profile)
        values = np.concatenate([values[:, -PAD:], values, values[:, :PAD]], axis=1)  # half a turn further it is the same
        return cls(radius, start, knot, reach, spline_filter(values, order=3, mode="nearest"))

    def at(self, x: Array, z: Array) -> Array:
        """Averages about points (mm from the circle's centre)."""
        square = x**2 + z**2
        share: Array = (square < self.radius_mm**2).astype(np.float64)
        edge = (square > max(self.radius_mm - self.reach_mm, -1.0) * abs(self.radius_mm - self.reach_mm)) & (
            square < (self.radius_mm + self.reach_mm) ** 2
        )
        angle = np.arctan2(z[edge], x[edge]) % np.pi
        places = np.stack([(np.sqrt(square[edge]) - self.start_mm) / self.knot_mm, angle * ANGLES / np.pi + PAD])
        share[edge] = map_coordinates(self.coefficients, places, order=3, prefilter=False, mode="nearest")
        return share


@dataclass(frozen=True)
class Group:
    """A group of bars: what they fill along the direction in which they repeat, times along their length, behind the blur."""

    turn: float
    nodes_mm: Array
    weights: Array
    repeat: tuple[Array, Array]
    length: tuple[Array, Array]

    @classmethod
    def of(cls, part: Stripes, frame: Frame) -> "Group":
        """The profiles of one group."""
        sigma, middles = frame.sigma_mm, 2 * part.width_mm * (np.arange(part.count) - (part.count - 1) / 2)
        halves = (part.count - 0.5) * part.width_mm, part.length_mm / 2
        u, v = (np.arange(-half - BEYOND * sigma, half + BEYOND * sigma, sigma / FINE) for half in halves)
        bars = sum(_box(u - middle, part.width_mm, sigma) for middle in middles)
        return cls(
            float(np.radians(part.turn_deg)),
            frame.nodes_mm,
            frame.weights,
            (u, np.asarray(bars)),
            (v, _box(v, part.length_mm, sigma)),
        )

    def at(self, x: Array, z: Array) -> Array:
        """Averages about points (mm from the group's middle)."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        u, v = x * cos + z * sin, z * cos - x * sin
        share, off_u, off_v = np.zeros(u.shape), self.nodes_mm @ [cos, sin], self.nodes_mm @ [-sin, cos]
        near = (np.abs(u) < self.repeat[0][-1] + np.abs(off_u).max()) & (np.abs(v) < self.length[0][-1] + np.abs(off_v).max())
        bars = np.interp(u[near][:, None] + off_u, *self.repeat, 0.0, 0.0)
        share[near] = (bars * np.interp(v[near][:, None] + off_v, *self.length, 0.0, 0.0)) @ self.weights
        return share


def _box(t: Array, width: float, sigma: float) -> Array:
    result: Array = ndtr((t + width / 2) / sigma) - ndtr((t - width / 2) / sigma)
    return result
