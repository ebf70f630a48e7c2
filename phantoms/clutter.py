"""What stands in the beam beside the ball and reaches far: stems that widen to a handle, the edges of plates and couches."""

from dataclasses import dataclass
from itertools import pairwise
from math import hypot, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from phantoms.penumbra import REACH, edge
from phantoms.rays import Point, combine, turn
from phantoms.shadow import Box, Stem, require_size

Array = NDArray[np.float64]
FAR = 8.0  # sigmas beyond which a blurred edge is complete to the last bit
LAYERS = 6  # strips that make the round section of a rod; nothing is measured on them


@dataclass(frozen=True)
class Spindle:
    """The shadow of a round rod whose diameter changes along it: a stem, its cone, its handle.

    It runs from (u, v) towards `direction_deg` (0 = +u, 90 = +v). `outline` holds (distance along, diameter) where the
    diameter changes its slope, straight in between and rounded by the blur; it begins and ends with the rod. All of it
    in mm on the isocentre plane; `mu_per_mm` and `magnification` as for a ball.
    """

    u_mm: float
    v_mm: float
    direction_deg: float
    outline: tuple[Point, ...]
    mu_per_mm: float = 0.8
    blur_mm: float = 0.3
    magnification: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what has no size."""
        steps = [b[0] - a[0] for a, b in pairwise(self.outline)]
        require_size(self.blur_mm, self.magnification, *steps, *(diameter for _, diameter in self.outline))

    def passes(self, u_mm: Array, v_mm: Array, source_mm: Point, sad_mm: float) -> Array:
        """Fraction of the beam that passes: the chord of the round section, drawn as `LAYERS` strips on each other."""
        c, s = turn(self.direction_deg)[:, 0]
        along = c * (u_mm - self.u_mm) + s * (v_mm - self.v_mm)
        across = c * (v_mm - self.v_mm) - s * (u_mm - self.u_mm)
        diameter = self._diameter(along)
        rim = np.linspace(0, 1, LAYERS + 1) ** 2  # from the axis outwards as 1 - rim: dense where the chord changes fast
        taken = 1 - np.exp(-self.mu_per_mm / self.magnification * diameter[..., None] * np.sqrt(rim * (2 - rim)))
        covered = np.zeros(np.broadcast_shapes(u_mm.shape, v_mm.shape))
        for layer in range(LAYERS):
            half = diameter / 2 * (1 - (rim[layer] + rim[layer + 1]) / 2)
            strip = edge(across + half, self.blur_mm) - edge(across - half, self.blur_mm)
            covered += (taken[..., layer + 1] - taken[..., layer]) * strip
        first, last = self.outline[0][0], self.outline[-1][0]
        return 1 - covered * edge(along - first, self.blur_mm) * edge(last - along, self.blur_mm)

    def _diameter(self, along: Array) -> Array:
        """Straight pieces with their corners blurred: a sum of smooth ramps."""
        places, diameters = np.array(self.outline).T
        slopes = np.concatenate([[0.0], np.diff(diameters) / np.diff(places), [0.0]])
        total = np.full(along.shape, diameters[0])
        for place, bend in zip(places, np.diff(slopes), strict=True):
            x = along - place
            bump = np.exp(-(x**2) / (2 * self.blur_mm**2)) * self.blur_mm / sqrt(2 * pi)
            total += bend * (x * edge(x, self.blur_mm) + bump)
        return total

    def box(self) -> Box:
        """Where it matters."""
        ends = self.outline[0][0], self.outline[-1][0]
        thickest = max(diameter for _, diameter in self.outline)
        return Stem(self.u_mm, self.v_mm, self.direction_deg, thickest, 0.0, self.blur_mm, ends[0], ends[1] - ends[0]).box()


@dataclass(frozen=True)
class Silhouette:
    """A convex patch with `corners` (u, v), counter-clockwise, that lets `transmission` through.

    Its sides are exact; its corners are rounder than a blur makes them, and where it is narrower than three times
    `blur_mm` it is darker than a blur makes it.
    """

    corners: tuple[Point, ...]
    transmission: float
    blur_mm: float = 0.6

    def __post_init__(self) -> None:
        """Refuse what has no size."""
        require_size(self.blur_mm, len(self.corners) - 2)

    def passes(self, u_mm: Array, v_mm: Array, source_mm: Point, sad_mm: float) -> Array:
        """Fraction of the beam that passes; the corners are where the rays put them, so the source is of no consequence."""
        covered = np.ones((1, 1))
        for (u, v), (u_next, v_next) in zip(self.corners, self.corners[1:] + self.corners[:1], strict=True):
            length = hypot(u_next - u, v_next - v)
            c, s = (u_next - u) / length, (v_next - v) / length
            inside = combine(c, v_mm - v, -s, u_mm - u)
            if inside.min() < FAR * self.blur_mm:  # else the side is out of reach
                covered = covered * edge(inside, self.blur_mm)
        return 1 - (1 - self.transmission) * covered

    def box(self) -> Box:
        """Where it matters."""
        us, vs = zip(*self.corners, strict=True)
        r = REACH * self.blur_mm
        return min(us) - r, max(us) + r, min(vs) - r, max(vs) + r
