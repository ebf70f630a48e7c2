"""Solids with known centres and what each fills of space behind a Gaussian blur of the same width in all directions.

Points are (..., 3) arrays in mm in frame F of the imaging system that sees the solid. ``filled`` is exact for a sphere and for a turned
box (error functions) and good to 1e-9 for a cylinder (a spline over the radius), so that nothing drawn hangs on a supersampling.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from phantoms.disc import blurred_disc

Array = NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Slab:
    """What lies between two planes: a factor of boxes and cylinders."""

    centre_mm: Point
    normal: Array  # of length 1
    half_mm: float

    def depth(self, points: Array) -> Array:
        """Distance to the nearer plane, positive inside."""
        result: Array = self.half_mm - np.abs((points - np.asarray(self.centre_mm)) @ self.normal)
        return result

    def filled(self, points: Array, sigma_mm: float) -> Array:
        """Share of space filled around each point, weighted with an isotropic Gaussian."""
        across = (points - np.asarray(self.centre_mm)) @ self.normal
        result: Array = ndtr((across + self.half_mm) / sigma_mm) - ndtr((across - self.half_mm) / sigma_mm)
        return result


@dataclass(frozen=True)
class Sphere:
    """A ball, or with a lower CT number than its surroundings a cavity."""

    name: str
    centre_mm: Point
    radius_mm: float
    hu: float

    def depth(self, points: Array) -> Array:
        """Distance to the surface, positive inside."""
        result: Array = self.radius_mm - np.linalg.norm(points - np.asarray(self.centre_mm), axis=-1)
        return result

    def reach(self, direction: Array) -> float:
        """Largest distance of the solid from its centre along a unit vector."""
        return self.radius_mm

    def filled(self, points: Array, sigma_mm: float) -> Array:
        """Share of space filled around each point, weighted with an isotropic Gaussian."""
        away = np.maximum(np.linalg.norm(points - np.asarray(self.centre_mm), axis=-1), 1e-4 * sigma_mm)
        near, far = (self.radius_mm - away) / sigma_mm, (self.radius_mm + away) / sigma_mm
        bell = np.exp(-(near**2) / 2) - np.exp(-(far**2) / 2)
        result: Array = ndtr(near) - ndtr(-far) - bell * (sigma_mm / np.sqrt(2 * np.pi)) / away
        return result


@dataclass(frozen=True)
class Cylinder:
    """A rod or a round block; ``axis`` need not have length 1."""

    name: str
    centre_mm: Point
    axis: Point
    radius_mm: float
    length_mm: float
    hu: float

    def _own(self, points: Array) -> tuple[Array, Array]:
        """(distance along the axis, distance from the axis) of each point."""
        axis = np.asarray(self.axis) / np.linalg.norm(self.axis)
        apart = points - np.asarray(self.centre_mm)
        along = apart @ axis
        away: Array = np.linalg.norm(apart - along[..., None] * axis, axis=-1)
        return along, away

    def depth(self, points: Array) -> Array:
        """Distance to the surface inside, minus at most that outside."""
        along, away = self._own(points)
        result: Array = np.minimum(self.radius_mm - away, self.length_mm / 2 - np.abs(along))
        return result

    def reach(self, direction: Array) -> float:
        """Largest distance of the solid from its centre along a unit vector."""
        along = abs(float(np.dot(self.axis, direction))) / float(np.linalg.norm(self.axis))
        return along * self.length_mm / 2 + self.radius_mm * float(np.sqrt(max(0.0, 1 - along**2)))

    def filled(self, points: Array, sigma_mm: float) -> Array:
        """Share of space filled around each point, weighted with an isotropic Gaussian."""
        _, away = self._own(points)
        if np.isinf(self.length_mm):
            return blurred_disc(self.radius_mm, sigma_mm)(away)
        return blurred_disc(self.radius_mm, sigma_mm)(away) * self.slab.filled(points, sigma_mm)

    @property
    def slab(self) -> Slab:
        """What lies between the planes of its two ends."""
        return Slab(self.centre_mm, np.asarray(self.axis) / np.linalg.norm(self.axis), self.length_mm / 2)


@dataclass(frozen=True)
class Cube:
    """A box, turned about the axes of F: first about X, then Y, then Z, each counter-clockwise seen from the axis' tip."""

    name: str
    centre_mm: Point
    size_mm: Point
    hu: float
    turn_deg: Point = (0.0, 0.0, 0.0)

    @property
    def edges(self) -> Array:
        """The directions of its edges in F, one per row."""
        return turned(self.turn_deg).T

    def depth(self, points: Array) -> Array:
        """Distance to the surface inside, minus at most that outside."""
        own = np.abs((points - np.asarray(self.centre_mm)) @ self.edges.T)
        result: Array = (np.asarray(self.size_mm) / 2 - own).min(axis=-1)
        return result

    def reach(self, direction: Array) -> float:
        """Largest distance of the solid from its centre along a unit vector."""
        return float(np.abs(self.edges @ direction) @ np.asarray(self.size_mm)) / 2

    def filled(self, points: Array, sigma_mm: float) -> Array:
        """Share of space filled around each point, weighted with an isotropic Gaussian."""
        first, second, third = (slab.filled(points, sigma_mm) for slab in self.slabs)
        return first * second * third

    @property
    def slabs(self) -> tuple[Slab, ...]:
        """The three pairs of opposite faces; what is between all of them is the box."""
        return tuple(Slab(self.centre_mm, edge, size / 2) for edge, size in zip(self.edges, self.size_mm, strict=True))


Solid = Sphere | Cylinder | Cube


def turned(turn_deg: Point) -> Array:
    """Rotation matrix of turns about X, then Y, then Z of F, in degrees."""
    result: Array = np.eye(3)
    for axis, angle in enumerate(np.radians(turn_deg)):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        result = turn @ result
    return result


def turns_deg(rotation: Array) -> Point:
    """The turns about X, then Y, then Z that make a rotation: ``turned`` backwards. Fails where the turn about Y is 90 degrees."""
    if abs(rotation[2, 0]) > 0.999:
        raise ValueError("turns about X and Z cannot be told from each other where that about Y is 90 degrees")
    x, z = np.arctan2(rotation[2, 1], rotation[2, 2]), np.arctan2(rotation[1, 0], rotation[0, 0])
    y = np.arctan2(-rotation[2, 0], np.hypot(rotation[2, 1], rotation[2, 2]))
    return float(np.degrees(x)), float(np.degrees(y)), float(np.degrees(z))


def outline(solid: Solid) -> Array:
    """Points just inside the surface (N, 3): the furthest of the solid towards many directions, cut back to its own shape."""
    grid = np.linspace(-1, 1, 9)
    directions = np.array([(x, y, z) for x in grid for y in grid for z in grid if max(abs(x), abs(y), abs(z)) == 1])
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    low, high = np.zeros(len(directions)), np.full(len(directions), 2 * max(solid.reach(axis) for axis in np.eye(3)))
    for _ in range(50):  # bisection: all solids are convex and hold their centre
        middle = (low + high) / 2
        inside = solid.depth(np.asarray(solid.centre_mm) + middle[:, None] * directions) > 0
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    result: Array = np.asarray(solid.centre_mm) + (low * (1 - 1e-9))[:, None] * directions
    return result
