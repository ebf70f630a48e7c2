"""The surroundings of a ball in an open image, as a share of the open signal there, with what is not ball left out.

An opaque ball leaves no signal whose log would mean anything, so the picture is linear: signal over open signal, minus 1. The open signal
is a smooth surface through the ring beyond the ball or, where a couch edge crosses, any function of the distance from a straight line.
Dead lines, dead pixels, stems and metal in the ring are left out as strips, together with the part of the ball's rim they reach.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.features.open_ring import Ring, open_signal
from qa.features.patch import FREE_MM, Patch, ProfileFit, Solution, rim_mm
from qa.features.position import Array, middle
from qa.features.rod import Strip
from qa.features.splines import even_radial
from qa.reading import AnalysisError

Mask = NDArray[np.bool_]

STEM_FROM_MM = 0.7  # beyond the ball's radius, where its blur has mostly gone, a stem can be told from it
SECTORS = 48
COVERED = 0.2  # a sector with more than this share of strange pixels is covered
STRANGE, SIGNIFICANT = 0.02, 4.0  # a strange pixel's distance from the open signal: share of the ball's depth, and times the noise
STEM_MARGIN_MM = 0.4  # the stem's blur
WIDEST_GAP_DEG = 160.0  # with less than the other half of the rim in view, half a ball cannot be told from a whole one
CLIP = 0.35
"""Of a dark ball no more than this share of the open signal is used: the bright side of its rim. In real images of a kV panel steep edges
are distorted below half the open signal (by up to 0.16 of it), and things beside a ball scatter light into its shadow."""
LINE = 0.85  # of a line's pixels beyond the ball, on both sides of it, are strange when the line is dead
KNOT_MM = 0.15  # of the radial profile: half the blur of a kV image's sharpest rim
SPARE, OUTLYING = 0.03, 8.0  # pixels that far (share of the depth, times the noise) from what ball and field explain are dead ones,
FEW = 0.02  # unless there are more than this share of them
COARSE = 0.15  # of a pixel: so far a rim that is sharper than a pixel is from a function of the distance
SATURATED = 0.3  # of the ring at exactly the largest value


class OpenPatch(Patch):
    """A patch whose picture is linear and whose stems are already left out; its rim may be as sharp as the pixels."""

    def _knot(self) -> float:
        return max(KNOT_MM, 0.5 * max(self._steps()))

    def _steps(self) -> tuple[float, float]:
        """Pitch (x, y), mm."""
        return abs(float(self.x_mm[1] - self.x_mm[0])), abs(float(self.y_mm[1] - self.y_mm[0]))

    def fit(self) -> ProfileFit:
        """The centre about which the ball is a function of radius; a few pixels that nothing explains are left out of a second fit."""
        patch, (solution, residual) = self, self._solve(self.centre_mm)
        limit = max(SPARE * abs(solution.depth), OUTLYING * middle(np.abs(residual)) * 1.4826)
        odd = np.abs(residual) > limit
        if odd.any():
            slope = self._basis(solution.centre)[3] @ solution.profile
            odd &= np.abs(residual) > limit + COARSE * max(self._steps()) * np.abs(slope)
        if 0 < odd.mean() <= FEW:
            valid = self.valid.copy()
            valid[self.valid] = ~odd
            patch = replace(self, valid=valid, field=self.field[~odd])
            solution, residual = patch._solve(solution.centre, solution.profile)
        radius, depth = patch._half(solution.profile)
        return patch._describe(replace(solution, radius=radius, depth=depth), residual)

    def _oval(self, solution: Solution, residual: Array) -> float:
        """Not needed: the scatter of the rim tells an oval from a circle here."""
        return 0.0

    def _half(self, profile: Array) -> tuple[float, float]:
        """Radius at half depth (NaN: none) and depth, without the very middle, which few pixels determine."""
        r = np.linspace(0.25 * self.radius_mm, rim_mm(self.radius_mm), 300)
        depths = -(even_radial(r, self._knot(), rim_mm(self.radius_mm))[0] @ profile)
        depth = float(depths[r < 0.5 * self.radius_mm].mean())
        below = np.nonzero(depths < depth / 2)[0]
        return (float(r[below[0]]) if depth > 0 and len(below) else float("nan")), depth


@dataclass(frozen=True)
class Around:
    """A patch for the fit; depth (share of the open signal) and radius at half of it (mm), about the patch's centre; noise of a pixel of
    the open field (share of it), share of the rim in view, and what was seen.
    """

    patch: Patch
    depth: float
    half_mm: float
    noise: float
    seen: float
    flags: tuple[str, ...]


def surroundings(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], centre: Array, radius: float, sign: int) -> Around:
    """The pixels within reach of such a ball, as a picture in which the ball is negative.

    ``pixels`` (rows, columns) with 0 where no radiation is; ``centre`` (x, y) and ``radius`` (half depth) in mm on the isocentre plane.
    AnalysisError when the ball is cut by the image's edge, when what surrounds it is not an open field, or hides too much of its rim.
    """
    reach = rim_mm(radius) + FREE_MM
    x, y, values = _crop(pixels, pitch_mm, centre, reach)
    dx, dy = np.broadcast_arrays(x[None, :] - centre[0], y[:, None] - centre[1])
    distance = np.hypot(dx, dy)
    within = distance <= reach
    sound = within & ~_odd_pixels(values)
    ring = sound & (distance > 1.155 * radius + STEM_FROM_MM)
    opened = open_signal(Ring(dx, dy, values, ring))
    picture = np.where(within, sign * (values / opened.level - 1.0), 0.0)  # the ball is positive here
    depth = float(np.median(picture[sound & (distance < 0.4 * radius)]))
    limit = max(STRANGE * abs(depth), SIGNIFICANT * opened.noise)
    lines = _dead_lines(picture, ring, limit, dx, dy)
    ring, sound = ring & ~lines, sound & ~lines
    strips = _strips(picture, ring, limit, dx, dy)
    covered = np.zeros(within.shape, dtype=bool)
    for strip in strips:
        covered |= strip.covers(dx, dy)
    valid = sound & ~covered
    seen = _refuse_hidden(valid, dx, dy, distance, radius, reach)
    flags = (*opened.flags, *(("stem left out",) if strips else ()), *(("dead line left out",) if lines.any() else ()))
    level = values[ring]
    if float(np.mean(level >= pixels.max())) > SATURATED:
        flags += ("open field saturated",)
    field = _field_functions(dx[valid], dy[valid], reach)
    bright_side = np.minimum(picture, CLIP) if sign < 0 else picture
    half = _half_radius(picture, valid, distance, depth, pitch_mm[1])
    return Around(OpenPatch(x, y, -bright_side, valid, field, np.array(centre), radius), depth, half, opened.noise, seen, flags)


def _crop(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], centre: Array, reach: float) -> tuple[Array, Array, Array]:
    """x of columns, y of rows and values of the square that holds the reach; the whole of it must be inside the image."""
    low = [int(np.floor((centre[1 - k] - reach) / pitch_mm[k])) for k in (0, 1)]
    high = [int(np.ceil((centre[1 - k] + reach) / pitch_mm[k])) + 1 for k in (0, 1)]
    if min(low) < 0 or high[0] > pixels.shape[0] or high[1] > pixels.shape[1]:
        raise AnalysisError("the ball is at the image's edge; move the ball or the panel so that the ball is well inside the image")
    values = pixels[low[0] : high[0], low[1] : high[1]].astype(np.float64)
    x, y = np.arange(low[1], high[1]) * pitch_mm[1], np.arange(low[0], high[0]) * pitch_mm[0]
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64), values


def _odd_pixels(values: Array) -> Mask:
    """Single pixels far outside the range of their eight neighbours: dead or hot ones."""
    from scipy.ndimage import maximum_filter, minimum_filter

    around = np.ones((3, 3), dtype=bool)
    around[1, 1] = False
    low, high = (f(values, footprint=around, mode="nearest") for f in (minimum_filter, maximum_filter))
    noise = max(float(np.median(np.abs(np.diff(values, axis=1)))) / 0.954, 0.002 * float(values.max()))  # a saturated field has none
    slack = 4 * noise + 0.7 * (high - low)
    return np.asarray((values < low - slack) | (values > high + slack))


def _dead_lines(picture: Array, ring: Mask, limit: float, dx: Array, dy: Array) -> Mask:
    """Rows and columns that differ from the open signal on both sides of the ball; more than a fifth of them are something else."""
    lines = np.zeros(ring.shape, dtype=bool)
    for axis, along in ((1, dx), (0, dy)):
        dead = np.ones(ring.shape[1 - axis], dtype=bool)
        away = 0.4 * float(np.abs(along).max())  # a stem along the line is narrower than this
        for side in (ring & (along < -away), ring & (along > away)):
            odd = (side & (np.abs(picture) > limit)).sum(axis=axis)
            dead &= odd > np.maximum(LINE * side.sum(axis=axis), 2)
        if dead.any() and dead.mean() <= 0.2:
            lines |= dead[:, None] if axis == 1 else dead[None, :]
    return lines


def _strips(picture: Array, ring: Mask, limit: float, dx: Array, dy: Array) -> list[Strip]:
    """Bands from the ball's centre outward that hold every group of neighbouring sectors in which the ring is not open."""
    a, b = dx[ring], dy[ring]
    sector = ((np.arctan2(b, a) + np.pi) / (2 * np.pi) * SECTORS).astype(np.intp) % SECTORS
    odd = np.abs(_smoothed(picture, ring)[ring]) > limit
    share = np.bincount(sector, odd, minlength=SECTORS) / np.maximum(np.bincount(sector, minlength=SECTORS), 1)
    strips = []
    for group in _runs(share > COVERED):
        mine = odd & np.isin(sector, group)
        towards = np.array([np.mean(a[mine] / np.hypot(a[mine], b[mine])), np.mean(b[mine] / np.hypot(a[mine], b[mine]))])
        if len(group) / SECTORS * 360 > WIDEST_GAP_DEG or np.hypot(*towards) < 0.3:
            raise AnalysisError("too much of the ball's surroundings is not open field; move the ball away from metal, blades and edges")
        towards = towards / np.hypot(*towards)
        across = np.abs(-towards[1] * a[mine] + towards[0] * b[mine])
        strips.append(Strip(towards, float(np.percentile(across, 97)) + STEM_MARGIN_MM))
    return strips


def _smoothed(picture: Array, ring: Mask) -> Array:
    """Means of 3 x 3 pixels of the ring: a stem is wider than a pixel."""
    from scipy.ndimage import uniform_filter

    total = uniform_filter(np.where(ring, picture, 0.0), 3, mode="constant")
    return np.asarray(total / np.maximum(uniform_filter(ring.astype(np.float64), 3, mode="constant"), 1e-9))


def _runs(covered: Mask) -> list[list[int]]:
    """Groups of neighbouring sectors, round the circle, a gap of one sector bridged."""
    closed = covered | (np.roll(covered, 1) & np.roll(covered, -1))
    if closed.all():
        return [list(range(len(closed)))]
    start = int(np.argmin(closed))
    groups: list[list[int]] = []
    for k in range(start, start + len(closed)):
        if closed[k % len(closed)]:
            if k > start and closed[(k - 1) % len(closed)]:
                groups[-1].append(k % len(closed))
            else:
                groups.append([k % len(closed)])
    return groups


def _refuse_hidden(valid: Mask, dx: Array, dy: Array, distance: Array, radius: float, reach: float) -> float:
    """The share of the rim in view; it must be in view all round but for the widest gap that a stem may leave."""
    near = valid & (np.abs(distance - radius) < 0.25 * radius + 0.3)
    sector = ((np.arctan2(dy[near], dx[near]) + np.pi) / (2 * np.pi) * SECTORS).astype(np.intp) % SECTORS
    seen = np.bincount(sector, minlength=SECTORS) > 0
    gaps = _runs(~seen)
    widest = max((len(g) for g in gaps), default=0) / SECTORS * 360
    if widest > WIDEST_GAP_DEG or seen.mean() < 0.5:
        raise AnalysisError("too much of the ball's rim is hidden; turn the phantom so that stem and metal are not in front of the ball")
    beyond = valid & (distance > rim_mm(radius))
    if beyond.sum() < 0.35 * np.pi * (reach**2 - rim_mm(radius) ** 2) / (abs(dx[0, 1] - dx[0, 0]) * abs(dy[1, 0] - dy[0, 0])):
        raise AnalysisError("too little open field around the ball; move the ball away from metal, blades and the image's edge")
    return float(seen.mean())


def _field_functions(dx: Array, dy: Array, reach: float) -> Array:
    """What may be left of the open signal: a plane and the two curvatures that are not round: (points, functions)."""
    a, b = dx / reach, dy / reach
    return np.stack([np.ones_like(a), a, b, a * a - b * b, a * b], axis=1)


def _half_radius(picture: Array, valid: Mask, distance: Array, depth: float, step: float) -> float:
    """Where the mean picture at a distance from the centre first falls below half the depth, linear between rings of a pixel."""
    ring = (distance[valid] / step).astype(np.intp)
    mean = np.bincount(ring, picture[valid]) / np.maximum(np.bincount(ring), 1)
    r = np.bincount(ring, distance[valid]) / np.maximum(np.bincount(ring), 1)
    below = np.nonzero((mean < depth / 2) & (np.bincount(ring) > 0))[0]
    k = int(below[0]) if len(below) else 0
    if k == 0:
        return 0.0
    return float(r[k - 1] + (mean[k - 1] - depth / 2) / (mean[k - 1] - mean[k]) * (r[k] - r[k - 1]))
