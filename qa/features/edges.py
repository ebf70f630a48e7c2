"""Opposite field edges as pairs of profiles, and two ways to read a shift from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array, clustered_u, middle
from qa.features.region import Region
from qa.features.surface import Surface

DEPTH_MM = 4.0  # the open signal is read this far inside the edge: real penumbrae have shoulders that begin about there
DEPTH_SHARE = 0.35  # or this share of the half width, in small fields
OUTSIDE_MM = 3.0  # profiles end this far outside; beyond it only leakage differs
PLATEAU_MM = 0.75  # half width of the zone in which the open signal is read
PATCHES = 6  # groups of neighbouring profiles whose noise is taken as common: each wider than any panel's correlation length


@dataclass(frozen=True)
class Disc:
    """A ball's shadow to keep clear of: centre and radius, mm in the pixel frame."""

    x_mm: float
    y_mm: float
    radius_mm: float


@dataclass(frozen=True)
class Frame:
    """A field's own axes: centre (x, y), half widths, angle of the first axis from +x to +y, and its shape."""

    centre_mm: tuple[float, float]
    half_mm: tuple[float, float]
    angle_deg: float
    shape: str

    @classmethod
    def of(cls, region: Region) -> Frame:
        """The coarse region as a first frame; a cone's two half widths are one radius."""
        half = region.half_mm if region.shape == "rectangle" else (sum(region.half_mm) / 2,) * 2
        return cls(region.centre_mm, (half[0], half[1]), region.angle_deg, region.shape)

    def axes(self) -> tuple[Array, Array]:
        """Unit vectors (x, y) of the field's first and second axis."""
        angle = np.radians(self.angle_deg)
        return np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])


@dataclass(frozen=True)
class Shift:
    """How far a centre is from the frame's: (x, y) mm and standard uncertainty."""

    xy_mm: Array
    u_mm: Array


@dataclass(frozen=True)
class Edges:
    """Pairs of opposite edge profiles.

    ``normal`` (pairs, 2) unit vectors, ``along_mm`` place along the edge, ``axis`` 0 or 1 (a cone has 0 only), ``outward_mm``
    (samples,) distance outward from the frame's edge, ``plus`` and ``minus`` (pairs, samples) profiles divided by the open signal,
    which is read at the profile's inner end and follows the field's own tilt (one slope for all pairs); ``tilt_rest`` (pairs,) how
    far each pair's own slope is from that, 1/mm.
    """

    normal: Array
    along_mm: Array
    axis: NDArray[np.intp]
    outward_mm: Array
    plus: Array
    minus: Array
    tilt_rest: Array

    @classmethod
    def sample(cls, surface: Surface, frame: Frame, disc: Disc | None, strips: int, depth_share: float = DEPTH_SHARE) -> Edges:
        """Sample ``strips`` pairs per axis; pairs whose edge or open-signal zone a disc covers are left out.

        The open signal is read DEPTH_MM inside the edge, or ``depth_share`` of the half width where that is less (a smaller share than
        usual reads it nearer to the edge in the same proportion).
        """
        base, normal, along, half, axis = _layout(frame, strips)
        depth = depth_share * min(DEPTH_MM / DEPTH_SHARE, float(half.min()))
        flat = min(PLATEAU_MM, depth / 3)
        step = min(surface.pitch_mm)
        outward = np.arange(-depth - flat, OUTSIDE_MM + step, step)
        distance = half[:, None] + outward
        sides = []
        for sign in (1.0, -1.0):
            x = base[:, :1] + sign * normal[:, :1] * distance
            y = base[:, 1:] + sign * normal[:, 1:] * distance
            sides.append((surface(x, y), _clear(x, y, outward, depth + flat, disc)))
        (plus, clear_plus), (minus, clear_minus) = sides
        zone = outward <= -depth + flat
        open_plus, open_minus = plus[:, zone].mean(axis=1), minus[:, zone].mean(axis=1)
        both = np.maximum(open_plus + open_minus, 1e-9)
        ratio = (open_plus - open_minus) / both
        good = clear_plus & clear_minus & (np.minimum(open_plus, open_minus) > 0.1 * middle(both))
        if good.sum() < 2:
            return cls(normal[:0], along[:0], axis[:0], outward, plus[:0], minus[:0], along[:0])
        own = ratio / (half - depth)
        slope = _robust_vector(own[good], normal[good], axis[good])[0]
        tilt = (normal @ slope)[:, None] * (outward + depth)
        plus = plus / (np.maximum(open_plus, 1e-9)[:, None] * (1 + tilt))
        minus = minus / (np.maximum(open_minus, 1e-9)[:, None] * (1 - tilt))
        return cls(normal[good], along[good], axis[good], outward, plus[good], minus[good], (own - normal @ slope)[good])

    def mirror(self) -> Shift:
        """The shift that lays each profile over its mirror image (least squares weighted by the slope of the mean profile)."""
        mean = (self.plus.mean(axis=0) + self.minus.mean(axis=0)) / 2
        slope = np.gradient(mean, self.outward_mm)
        lever = float((mean * (self.outward_mm - self.outward_mm[0])) @ slope / (slope @ slope))
        return self._shift(-((self.plus - self.minus) @ slope) / (2 * (slope @ slope)), lever)

    def crossing(self) -> Shift:
        """The shift of the 50 % points: half the difference of the outward distances of both edges."""
        mean = (self.plus.mean(axis=0) + self.minus.mean(axis=0)) / 2
        steepest = float(np.gradient(mean, self.outward_mm).min())
        return self._shift((self._half_level(self.plus) - self._half_level(self.minus)) / 2, 0.5 * -float(self.outward_mm[0]) / steepest)

    def widening_mm(self) -> tuple[float, float]:
        """How much larger than the frame the field is, half width along each axis."""
        wider = (self._half_level(self.plus) + self._half_level(self.minus)) / 2
        values = [middle(wider[mine]) if (mine := (self.axis == a) & np.isfinite(wider)).any() else 0.0 for a in (0, 1)]
        return (values[0], values[1]) if (self.axis == 1).any() else (values[0], values[0])

    def turn_deg(self) -> float:
        """How far the field's axes are turned from the frame's, from the slope of the 50 % points along the edges (0 for a cone)."""
        if not (self.axis == 1).any():
            return 0.0
        pairs = (self._half_level(self.plus) - self._half_level(self.minus)) / 2
        slopes = []
        for a, sign in ((0, -1.0), (1, 1.0)):
            use = (self.axis == a) & np.isfinite(pairs)
            if use.sum() >= 6 and np.ptp(self.along_mm[use]) > 2.0:
                slopes.append(sign * float(np.polyfit(self.along_mm[use], pairs[use], 1)[0]))
        return float(np.degrees(np.arctan(np.mean(slopes)))) if slopes else 0.0

    def _half_level(self, profiles: Array) -> Array:
        """Outward distance of the 50 % point nearest to the frame's edge, linear between samples; NaN where there is none."""
        inside, outside = profiles[:, :-1], profiles[:, 1:]
        falls = (inside >= 0.5) & (outside < 0.5)
        fraction = (inside - 0.5) / np.where(falls, inside - outside, 1.0)
        where = np.where(falls, self.outward_mm[:-1] + fraction * (self.outward_mm[1] - self.outward_mm[0]), np.inf)
        nearest = np.take_along_axis(where, np.argmin(np.abs(where), axis=1)[:, None], axis=1)[:, 0]
        return np.where(np.isfinite(nearest), nearest, np.nan)

    def _shift(self, pairs: Array, lever: float) -> Shift:
        """Join the pairs; ``lever`` (mm per 1/mm) is what an error of the common tilt does to every one of them."""
        vector, u = _robust_vector(pairs, self.normal, self.axis, lever * self.tilt_rest)
        return Shift(vector, u)


def _layout(frame: Frame, strips: int) -> tuple[Array, Array, Array, Array, NDArray[np.intp]]:
    """Base point, normal, place along the edge, half width and axis of every pair of profiles."""
    centre = np.array(frame.centre_mm)
    if frame.shape == "cone":
        angle = (np.arange(2 * strips) + 0.5) * np.pi / (2 * strips)
        normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        count = len(angle)
        return np.tile(centre, (count, 1)), normal, np.zeros(count), np.full(count, frame.half_mm[0]), np.zeros(count, dtype=np.intp)
    first, second = frame.axes()
    parts = []
    for a, (n, t) in enumerate(((first, second), (second, first))):
        reach = frame.half_mm[1 - a]
        place = np.linspace(-1, 1, strips) * (reach - min(3.5, 0.5 * reach))
        parts.append((centre + place[:, None] * t, np.tile(n, (strips, 1)), place, np.full(strips, frame.half_mm[a])))
    base, normal, along, half = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return base, normal, along, half, np.repeat(np.arange(2), strips)


def _clear(x: Array, y: Array, outward: Array, depth: float, disc: Disc | None) -> NDArray[np.bool_]:
    """Profiles that keep clear of the disc from the open-signal zone to the penumbra's foot."""
    if disc is None:
        return np.ones(len(x), dtype=bool)
    near = (outward >= -depth) & (outward <= 1.5)
    return np.asarray((np.hypot(x[:, near] - disc.x_mm, y[:, near] - disc.y_mm) > disc.radius_mm).all(axis=1))


def _robust_vector(along_normal: Array, normal: Array, axis: NDArray[np.intp], common: Array | float = 0.0) -> tuple[Array, Array]:
    """The vector whose components along the normals are given (least squares without outliers), and its standard uncertainty.

    Outliers are beyond 4 robust standard deviations of their axis. ``common`` (pairs,) is what each pair contributes through a quantity all
    of them share; it averages to nothing and counts in the uncertainty only, which is that of correlated neighbours.
    Fails (NaN) when one direction is not covered.
    """
    finite = np.isfinite(along_normal)
    use, groups = finite, [axis == a for a in range(int(axis.max()) + 1)] if len(axis) else []
    for _ in range(4):
        chosen = normal[use]
        square = chosen.T @ chosen
        if len(chosen) < 4 or np.linalg.det(square) < 1e-3 * len(chosen):
            return np.full(2, np.nan), np.full(2, np.inf)
        inverse = np.linalg.inv(square) @ chosen.T
        vector = inverse @ along_normal[use]
        residual = along_normal - normal @ vector
        keep = finite.copy()
        for group in groups:
            mine = residual[use & group]
            if len(mine):
                centre = middle(mine)
                keep &= ~group | (np.abs(residual - centre) <= 4 * 1.4826 * middle(np.abs(mine - centre)) + 1e-12)
        fitted, use = use, keep
        if (fitted == use).all():
            break
    influence = inverse.T * (residual + common)[fitted][:, None]
    size = -(-len(along_normal) // (PATCHES * len(groups)))
    patch = (np.arange(len(along_normal)) // size)[fitted]
    alone, together = (influence**2).sum(axis=0), clustered_u(influence, patch) ** 2
    # correlation raises the variance of both coordinates alike, so its factor is read from both together
    factor = max(1.0, float((together / np.maximum(alone, 1e-300)).sum()) / 2)
    return vector, np.sqrt(alone * factor)


def moved(frame: Frame, shift: Shift, edges: Edges) -> Frame:
    """The frame laid over the field that ``edges`` saw from it."""
    wider = edges.widening_mm()
    centre = (frame.centre_mm[0] + float(shift.xy_mm[0]), frame.centre_mm[1] + float(shift.xy_mm[1]))
    half = (frame.half_mm[0] + wider[0], frame.half_mm[1] + wider[1])
    return replace(frame, centre_mm=centre, half_mm=half, angle_deg=frame.angle_deg + edges.turn_deg())
