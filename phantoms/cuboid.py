"""A box of plastic, turned as one likes, as the fraction of the beam that passes along each ray: cube phantoms without a ball."""

from dataclasses import dataclass
from itertools import combinations, permutations, product
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from phantoms.machine import Linac, Shot
from phantoms.penumbra import REACH
from phantoms.placement import carried
from phantoms.rays import Point, Point3, project, to_gantry, turn
from phantoms.shadow import Box, require_size
from phantoms.solids import turned

Array = NDArray[np.float64]
LEAST = 1e-6  # keeps a quotient finite for rays along a face
FAR = 6.0  # sigmas from an edge at which its blur is over


@dataclass(frozen=True)
class BoxShadow:
    """A box in the gantry frame: its centre, the unit vectors of its edges (rows) and half its size, in mm.

    (u, v) is the projection of its centre, `outline` the box on the isocentre plane that holds its corners. The chord
    is that of the true ray, with the lines where faces meet blurred by `blur_mm` on the isocentre plane, each by itself.
    Its straight rims are good to 0.012 mm of an edge (a thin box, 4 mm off the axis; alike on opposite sides); where
    three lines meet, or where the source nearly lies in the plane of a face, the blur is rough.
    """

    u_mm: float
    v_mm: float
    centre_mm: Point3
    edges: tuple[Point3, Point3, Point3]
    half_mm: Point3
    outline: Box
    mu_per_mm: float
    blur_mm: float = 0.6

    def __post_init__(self) -> None:
        """Refuse what has no size."""
        require_size(self.blur_mm, *self.half_mm)

    def passes(self, u_mm: Array, v_mm: Array, source_mm: Point, sad_mm: float) -> Array:
        """exp(-mu * chord): from the last face that the ray enters by to the first that it leaves by."""
        du, dv = np.broadcast_arrays(u_mm - source_mm[0], v_mm - source_mm[1])
        rays = _Rays.of(self, np.subtract((*source_mm, sad_mm), self.centre_mm), du.ravel(), dv.ravel(), sad_mm)
        chord = np.maximum(rays.leave.min(axis=0) - rays.enter.max(axis=0), 0.0)
        near = rays.close_to_an_edge(FAR * self.blur_mm)
        chord[near] = rays.kept(near).blurred(self.blur_mm)
        return np.asarray(np.exp(-self.mu_per_mm * chord.reshape(du.shape) * np.sqrt(du**2 + dv**2 + sad_mm**2)))

    def box(self) -> Box:
        """Where it matters."""
        r, (u_low, u_high, v_low, v_high) = REACH * self.blur_mm, self.outline
        return u_low - r, u_high + r, v_low - r, v_high + r


@dataclass(frozen=True)
class Cuboid:
    """A box about `centre_mm` in F while the couch is at 0 and has not travelled; it goes with the couch.

    `turn_deg` turns it about the axes of F as it does a `phantoms.solids.Cube`. A ball of negative mu in it is a cavity.
    """

    centre_mm: Point3
    size_mm: Point3
    turn_deg: Point3 = (0.0, 0.0, 0.0)
    mu_per_mm: float = 0.0045  # acrylic in 6 MV
    kv_mu_per_mm: float = 0.02  # acrylic in 100 kV, hardened
    blur_mm: float = 0.6

    def shadow(self, linac: Linac, shot: Shot) -> BoxShadow:
        """Its shadow in one shot. ValueError when it reaches up to the source."""
        couch, gantry = np.eye(3), np.eye(3)
        couch[:2, :2] = turn(shot.couch_deg)
        gantry[np.ix_([0, 2], [0, 2])] = turn(shot.gantry_deg)
        edges = (gantry @ couch @ turned(self.turn_deg)).T
        centre, half = to_gantry(carried(linac, self.centre_mm, shot), shot.gantry_deg), np.array(self.size_mm) / 2
        corners = [_point(centre + (np.array(signs) * half) @ edges) for signs in product((-1, 1), repeat=3)]
        if max(z for _, _, z in corners) > 0.9 * linac.sad_mm:
            raise ValueError(f"{self} reaches up to the source at gantry {shot.gantry_deg}")
        source = linac.source_uv_mm(shot)
        us, vs = zip(*(project(corner, source, linac.sad_mm).uv_mm for corner in corners), strict=True)
        middle = project(centre, source, linac.sad_mm)
        mu = self.kv_mu_per_mm if linac.radiation == "kV" else self.mu_per_mm
        directions = (_point(edges[0]), _point(edges[1]), _point(edges[2]))
        outline, blur = (min(us), max(us), min(vs), max(vs)), linac.blur_mm(middle.magnification, self.blur_mm)
        return BoxShadow(*middle.uv_mm, centre, directions, _point(half), outline, mu, blur)


@dataclass(frozen=True)
class _Rays:
    """Rays that meet the near and the far face of axis k at `near[k]/along[k]` and `far[k]/along[k]` of their way to the plane.

    Arrays (3, rays); `slopes` (3, 2) are those of `along` against u and v.
    """

    slopes: Array
    along: Array
    near: Array
    far: Array

    @classmethod
    def of(cls, box: BoxShadow, away_mm: Array, du: Array, dv: Array, sad_mm: float) -> "_Rays":
        """Rays (du, dv, -SAD) from a source at `away_mm` from the box's centre."""
        edges = np.array(box.edges)
        along = edges @ np.stack([du, dv, np.full_like(du, -sad_mm)])
        along = np.where(np.abs(along) < LEAST, LEAST, along)
        start, side = (edges @ away_mm)[:, None], np.array(box.half_mm)[:, None] * np.sign(along)
        return cls(edges[:, :2], along, -side - start, side - start)

    @property
    def enter(self) -> Array:
        """Shares of the way to the near faces."""
        return self.near / self.along

    @property
    def leave(self) -> Array:
        """Shares of the way to the far faces."""
        return self.far / self.along

    def kept(self, mask: NDArray[np.bool_]) -> "_Rays":
        """Some of the rays."""
        return _Rays(self.slopes, self.along[:, mask], self.near[:, mask], self.far[:, mask])

    def inside(self, one: Array, k: int, other: Array, m: int) -> tuple[Array, Array, Array]:
        """How far a ray passes inside the line where two faces meet (mm; it is straight); its bend (two parts, and how steep it is)."""
        way = np.sign(self.along[k]) * np.sign(self.along[m])
        bend = np.stack([(one[k] * self.slopes[m, axis] - other[m] * self.slopes[k, axis]) * way for axis in (0, 1)])
        steep = np.maximum(np.hypot(bend[0], bend[1]), LEAST)
        return (one[k] * self.along[m] - other[m] * self.along[k]) * way / steep, bend, steep

    def on_line(self, axis: int, inside: Array, bend: Array, steep: Array) -> Array:
        """`along` of an axis on that line."""
        return np.asarray(self.along[axis] - inside / steep * (self.slopes[axis] @ bend))

    def close_to_an_edge(self, reach_mm: float) -> NDArray[np.bool_]:
        """Rays within reach of a line where two faces meet, wherever that line ends."""
        close = np.zeros(self.along.shape[1], bool)
        for k, m in permutations(range(3), 2):
            close |= np.abs(self.inside(self.far, k, self.near, m)[0]) < reach_mm
        for k, m in combinations(range(3), 2):
            for faces in (self.far, self.near):
                close |= np.abs(self.inside(faces, k, faces, m)[0]) < reach_mm
        return close

    def blurred(self, blur_mm: float) -> Array:
        """Share of the way inside: the gap at the nearest side of the outline, less what the faces before it cut off."""

        def cut(one: Array, k: int, other: Array, m: int, on_k: Array | None = None, on_m: Array | None = None) -> Array:
            """The gap between two faces where it is positive, with its bend at the line blurred.

            Lines close to each other share the slope that the gap has at the outline: else their bends would not cancel.
            """
            inside, bend, steep = self.inside(one, k, other, m)
            k_there = self.on_line(k, inside, bend, steep) if on_k is None else on_k
            m_there = self.on_line(m, inside, bend, steep) if on_m is None else on_m
            slope = steep / np.maximum(np.abs(k_there * m_there), LEAST)
            x = np.abs(inside) / blur_mm
            rounded: Array = blur_mm * (np.exp(-(x**2) / 2) / sqrt(2 * pi) - x * ndtr(-x))
            sharp: Array = np.maximum(one[k] / self.along[k] - other[m] / self.along[m], 0.0)
            return sharp + slope * rounded

        leave, enter = self.leave, self.enter
        out, into = leave.argmin(axis=0), enter.argmax(axis=0)
        nearest, share = np.full(out.shape, np.inf), np.zeros(out.shape)
        for k, m in permutations(range(3), 2):  # the outline's sides: left by one face, entered by the other
            inside, bend, steep = self.inside(self.far, k, self.near, m)
            k_there, m_there = (self.on_line(axis, inside, bend, steep) for axis in (k, m))
            inside = np.where((out == k) | (into == m), inside, np.inf)
            k1, k2, m1, m2 = (k + 1) % 3, (k + 2) % 3, (m + 1) % 3, (m + 2) % 3
            here = cut(self.far, k, self.near, m)
            sooner = [cut(self.far, k, self.far, other, on_k=k_there) for other in (k1, k2)]
            later = [cut(self.near, other, self.near, m, on_m=m_there) for other in (m1, m2)]
            here -= np.where(leave[k1] < leave[k2], *sooner) + np.where(enter[m1] > enter[m2], *later)
            share, nearest = np.where(inside < nearest, np.maximum(here, 0.0), share), np.minimum(inside, nearest)
        return share


def _point(vector: Array) -> Point3:
    x, y, z = (float(value) for value in vector)
    return x, y, z
