"""The shapes that planar phantoms are made of, behind an isotropic Gaussian, at any point to 3e-6: closed forms, no raster.

A Gaussian is the same in every direction, so a turned rectangle is a product of error functions along its own axes. Error functions and
discs are read from tables that are cut off where they end, by straight lines between knots.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from phantoms.disc import blurred_disc_at
from phantoms.penumbra import Step
from phantoms.rays import Point, turn

Array = NDArray[np.float64]
Pair = tuple[Array, Array]
REACH = 5.5  # sigmas; a Gaussian edge is within 2e-8 of its end value there
KNOTS = 128  # per sigma: straight lines between them are within 0.24 / 8 / 128^2 = 2e-6
NODE, WEIGHT = np.polynomial.legendre.leggauss(32)  # over an arc of 11 sigmas


@dataclass(frozen=True)
class Block:
    """Rectangles side by side: `steps` along its own x, each as high as it says; `height_mm` along y, about `centre_mm`, turned.

    Only a block of one step can have rounded corners.
    """

    centre_mm: Point
    turn_deg: float
    steps: tuple[Step, ...]
    height_mm: float
    corner_mm: float = 0.0

    @property
    def plain(self) -> bool:
        """One rectangle: the same all over its inside."""
        return len(self.steps) == 1

    @property
    def strength(self) -> float:
        """What it is deep inside, if it is plain."""
        return self.steps[0][2]

    def outside_mm(self, x: Array, y: Array) -> Array:
        """How far a point is outside at least (negative: how far inside at least)."""
        a, b = self._beyond(*self._own(x, y))
        corner = np.hypot(np.maximum(a + self.corner_mm, 0), np.maximum(b + self.corner_mm, 0)) - self.corner_mm
        return np.asarray(np.where(np.minimum(a, b) > -self.corner_mm, corner, np.maximum(a, b)))

    def at(self, rows: Pair, columns: Pair, sigma_mm: float) -> Array:
        """Its strength behind the Gaussian at the points (x, y) = rows + columns, whose arrays broadcast."""
        (x, y), (dx, dy) = self._own(*rows), self._turned(*columns)
        x, y = x + dx, y + dy
        if not self.corner_mm:
            return _profile(self.steps, sigma_mm)(x) * _profile(((-self.height_mm / 2, self.height_mm / 2, 1.0),), sigma_mm)(y)
        a, b = self._beyond(x, y)
        return self.strength * rounded(a + self.corner_mm, b + self.corner_mm, self.corner_mm, sigma_mm)

    def _beyond(self, x: Array, y: Array) -> Pair:
        """How far beyond its sides, along its own axes."""
        low, high = min(s[0] for s in self.steps), max(s[1] for s in self.steps)
        return np.abs(x - (low + high) / 2) - (high - low) / 2, np.abs(y) - self.height_mm / 2

    def _own(self, x: Array, y: Array) -> Pair:
        return self._turned(x - self.centre_mm[0], y - self.centre_mm[1])

    def _turned(self, x: Array, y: Array) -> Pair:
        c, s = (float(v) for v in turn(self.turn_deg)[:, 0])
        return c * x + s * y, c * y - s * x


@dataclass(frozen=True)
class Round:
    """A disc of one strength."""

    centre_mm: Point
    radius_mm: float
    strength: float
    plain: bool = True

    def outside_mm(self, x: Array, y: Array) -> Array:
        """How far a point is outside (negative: inside)."""
        return np.asarray(np.hypot(x - self.centre_mm[0], y - self.centre_mm[1]) - self.radius_mm)

    def at(self, rows: Pair, columns: Pair, sigma_mm: float) -> Array:
        """Its strength behind the Gaussian at the points (x, y) = rows + columns, whose arrays broadcast."""
        x, y = rows[0] + columns[0], rows[1] + columns[1]
        return self.strength * _rim(self.radius_mm, sigma_mm)(np.hypot(x - self.centre_mm[0], y - self.centre_mm[1]))


Shape = Block | Round


@dataclass(frozen=True)
class _Table:
    """A function of one coordinate by its values at even knots; constant beyond them."""

    first: float
    knots_per_mm: float
    values: Array

    def __call__(self, x: Array) -> Array:
        place = x - self.first
        place *= self.knots_per_mm
        np.clip(place, 0, len(self.values) - 1.001, out=place)
        index = place.astype(np.intp)
        place -= index
        low = self.values.take(index)
        index += 1
        high = self.values.take(index)
        high -= low
        high *= place
        high += low
        return np.asarray(high)


@lru_cache(maxsize=512)
def _profile(steps: tuple[Step, ...], sigma: float) -> _Table:
    """Blurred boxes along one axis."""
    fine = KNOTS / sigma
    first = min(s[0] for s in steps) - REACH * sigma
    values = np.zeros(int((max(s[1] for s in steps) + REACH * sigma - first) * fine) + 3)
    for edge_mm, height in [(s[0], s[2]) for s in steps] + [(s[1], -s[2]) for s in steps]:
        start = max(0, int((edge_mm - REACH * sigma - first) * fine))
        stop = min(values.size, int((edge_mm + REACH * sigma - first) * fine) + 2)
        values[start:stop] += height * _step((first + np.arange(start, stop) / fine - edge_mm) / sigma)
        values[stop:] += height
    return _Table(first, fine, values)


@lru_cache(maxsize=512)
def _rim(radius: float, sigma: float) -> _Table:
    """A blurred disc over the distance from its centre."""
    first = max(0.0, radius - REACH * sigma)
    r = first + np.arange(int((radius + REACH * sigma - first) * KNOTS / sigma) + 3) * sigma / KNOTS
    return _Table(first, KNOTS / sigma, blurred_disc_at(r, radius, sigma))


def rounded(a: Array, b: Array, radius: float, sigma: float) -> Array:
    """The quarter plane a, b < radius with its corner rounded about (0, 0), behind the Gaussian; for radii above 2 sigma.

    A straight edge or a disc where only that is in reach; where one becomes the other an integral over strips along the axis on which
    the point lies nearer to the centre, so that the arc is never steep there.
    """
    a, b = np.maximum(a, b), np.minimum(a, b)
    away = np.hypot(np.maximum(a, 0), np.maximum(b, 0)) - radius
    result = np.where(away < 0, 1.0, 0.0)
    edge = np.abs(away) < REACH * sigma
    flat, arc = edge & (b <= -REACH * sigma), edge & (b >= REACH * sigma)
    result[flat] = _step((radius - a[flat]) / sigma)
    result[arc] = _rim(radius, sigma)(away[arc] + radius)
    between = edge & (np.abs(b) < REACH * sigma)
    result[between] = _between(a[between], b[between], radius, sigma)
    return result


def _between(p: Array, q: Array, radius: float, sigma: float) -> Array:
    low, high = np.arcsin(np.clip((q - REACH * sigma) / radius, 0, 1)), np.arcsin(np.clip((q + REACH * sigma) / radius, 0, 1))
    theta = low[:, None] + (high - low)[:, None] * (NODE + 1) / 2
    density = np.exp(-0.5 * ((q[:, None] - radius * np.sin(theta)) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma) * radius * np.cos(theta)
    arc = (density * _step((radius * np.cos(theta) - p[:, None]) / sigma) * WEIGHT).sum(axis=1) * (high - low) / 2
    return np.asarray(_step(-q / sigma) * _step((radius - p) / sigma) + arc)


def _step(z: Array) -> Array:
    return np.asarray(0.5 * (1 + erf(z / np.sqrt(2))))
