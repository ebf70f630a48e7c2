"""Beam apertures as they project on the isocentre plane, in the collimator frame (mm), before and behind a penumbra."""

from dataclasses import dataclass
from math import ceil, floor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from phantoms.disc import blurred_disc
from phantoms.penumbra import REALISTIC, SIMPLE, Penumbra, Step, Tiles, blurred

__all__ = ["REALISTIC", "SIMPLE", "SQUARE_20", "Aperture", "Cone", "Leaves", "Penumbra", "Rectangle"]
Array = NDArray[np.float64]
Point = tuple[float, float]


class Aperture(Protocol):
    """A shape that is symmetric about `centre_mm`; adding one needs these three members."""

    @property
    def centre_mm(self) -> Point:
        """Centre of symmetry."""

    @property
    def extent_mm(self) -> Point:
        """Half width and half height of the box about the centre that holds every edge."""

    def opening(self, x_mm: Array, y_mm: Array, penumbra: Penumbra) -> Array:
        """Open fraction at (x, y), 0 to 1, behind the penumbra; x and y broadcast."""


@dataclass(frozen=True)
class Rectangle:
    """Straight jaws, `width_mm` along x and `height_mm` along y."""

    width_mm: float
    height_mm: float
    centre_mm: Point = (0.0, 0.0)

    @property
    def extent_mm(self) -> Point:
        """Half width and half height."""
        return self.width_mm / 2, self.height_mm / 2

    def opening(self, x_mm: Array, y_mm: Array, penumbra: Penumbra) -> Array:
        """Open fraction behind the penumbra."""
        xs, ys = _span(self.centre_mm[0], self.width_mm), _span(self.centre_mm[1], self.height_mm)
        return blurred(x_mm, y_mm, [Tiles((xs,), (ys,))], penumbra)


SQUARE_20 = Rectangle(20.0, 20.0)


@dataclass(frozen=True)
class Leaves:
    """A field between two leaf banks that move along x, cut by straight jaws in y.

    Leaf sides lie at whole multiples of `leaf_mm` from the collimator axis. There the corners are cut back: within
    `notch_width_mm` about each side the end retreats by `notch_depth_mm`, which draws the scallops of real leaf edges.
    The rounded end lets `tip_transmission` through over its last `tip_mm`. The centre is that of the plain rectangle.
    """

    width_mm: float
    height_mm: float
    centre_mm: Point = (0.0, 0.0)
    leaf_mm: float = 5.0
    notch_width_mm: float = 1.75
    notch_depth_mm: float = 0.33
    tip_mm: float = 3.6
    tip_transmission: float = 0.07

    @property
    def extent_mm(self) -> Point:
        """Half width and half height."""
        return self.width_mm / 2 + max(self.notch_depth_mm, self.tip_mm), self.height_mm / 2

    def opening(self, x_mm: Array, y_mm: Array, penumbra: Penumbra) -> Array:
        """Open fraction behind the penumbra."""
        left, right, _ = _span(self.centre_mm[0], self.width_mm)
        jaws = _span(self.centre_mm[1], self.height_mm)
        depth, tip, leak = self.notch_depth_mm, self.tip_mm, self.tip_transmission
        shut = min(depth, tip)  # a notch is open already: no leak through a tip that is not there
        body = ((left, right, 1.0), (left - tip, left, leak), (right, right + tip, leak))
        cut = (
            (left - depth, left, 1.0),
            (right, right + depth, 1.0),
            (left - shut, left, -leak),
            (right, right + shut, -leak),
        )
        return blurred(x_mm, y_mm, [Tiles(body, (jaws,)), Tiles(cut, self._notches(jaws))], penumbra)

    def _notches(self, jaws: Step) -> tuple[Step, ...]:
        """Stretches of y, inside the jaws, where the leaf ends are cut back."""
        low, high, half = jaws[0], jaws[1], self.notch_width_mm / 2
        sides = np.arange(floor(low / self.leaf_mm), ceil(high / self.leaf_mm) + 1) * self.leaf_mm
        cut = [(max(float(side) - half, low), min(float(side) + half, high), 1.0) for side in sides]
        return tuple(step for step in cut if step[0] < step[1])


@dataclass(frozen=True)
class Cone:
    """A round collimator. It knows no direction: the penumbra's x sigmas serve all round."""

    diameter_mm: float
    centre_mm: Point = (0.0, 0.0)

    @property
    def extent_mm(self) -> Point:
        """Half width and half height."""
        return self.diameter_mm / 2, self.diameter_mm / 2

    def opening(self, x_mm: Array, y_mm: Array, penumbra: Penumbra) -> Array:
        """Open fraction behind the penumbra."""
        r = np.hypot(x_mm - self.centre_mm[0], y_mm - self.centre_mm[1])
        total = np.zeros(r.shape)
        for weight, sigma in zip(penumbra.weights, penumbra.sigmas_mm, strict=True):
            total += weight * blurred_disc(self.diameter_mm / 2, sigma)(r)
        return total


def _span(centre: float, length: float) -> Step:
    return centre - length / 2, centre + length / 2, 1.0
