"""A phantom's outline to a fraction of a pixel: straight sides or a round rim, by the height of the edge and by its steepest place.

The two ways answer alike for a clean edge. They differ where the edge is a ramp, dirty or covered, and that goes into the uncertainty or
refuses the outline.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.features.number import Number, number
from qa.features.planar_outline import Outline
from qa.features.position import Array, clustered_u, middle
from qa.reading import AnalysisError

REACH_MM = 4.0  # of a profile on both sides of an edge: the narrowest frame is 8 mm wide
LEVEL_MM = 1.2  # at both ends of a profile: its levels
PROFILES, CENTRAL = 60, 0.76  # per side, over this part of its length: corners are round, clamps sit on them
RIM_PROFILES = 180
GROUP = 3  # neighbouring profiles whose errors go together
LEAST_STEP = 4.0  # times its noise: a profile with less is no edge
STRAIGHT = 0.6  # of the profiles must lie on the line
APART_MM = 0.5  # the two ways of reading an edge never differ by more on a clean edge of any panel in use
SAMPLED = 0.005, 0.015  # of a pixel: what reading a straight side, a rim between pixels leaves open, measured on drawings without noise
SHAPE_PART = 0.5  # of their difference: what the choice between them leaves unknown
SHADED = 0.5  # of the signal inside: what is darker beside a side is no field but a blade
RISE_MM = 1.2  # in which an edge rises, about: what steps of the values may move it by
BLADE = (
    "a blade, or something else that lets little through, lies along a side of the phantom, so the edge that is seen may not be the "
    "phantom's; open the field round all of it and repeat"
)


@dataclass(frozen=True)
class Outlined:
    """A measured outline: centre (x, y), sizes and angle in mm and degrees on the pixel frame, with budgets.

    ``corners_deg`` is how far the sides are from being at right angles (0 for a circle); ``second`` holds the sizes by the steepest
    place; ``residual_mm`` scatter of the outline about its form; ``covered`` the share of profiles that do not lie on it.
    """

    shape: str
    centre_mm: tuple[Number, Number]
    size_mm: tuple[Number, Number]
    angle_deg: Number
    corners_deg: float
    second_mm: tuple[float, float]
    residual_mm: float
    covered: float


def measure(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], outline: Outline, step: float = 0.0) -> Outlined:
    """The outline found coarsely, measured. AnalysisError when a side does not show, or the two ways of reading it differ.

    ``step``: of the pixel values; where noise does not blur it, it moves the edges.
    """
    return _rim(pixels, pitch_mm, outline, step) if outline.shape == "circle" else _sides(pixels, pitch_mm, outline, step)


@dataclass(frozen=True)
class _Side:
    """One side: outward offset at its middle and slope (mm, mm/mm), by height and by steepest place; their covariance by height."""

    offset: float
    slope: float
    u_offset: float
    u_slope: float
    second: float
    residual: float
    used: float
    coarse: float = 0.0


def _sides(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], outline: Outline, step: float) -> Outlined:
    """Four straight sides joined into one rectangle."""
    base = np.radians(outline.angle_deg)
    half = outline.size_mm[0] / 2, outline.size_mm[1] / 2
    sides: list[_Side] = []
    for k in range(4):
        direction = base + k * np.pi / 2
        outward = np.array([np.cos(direction), np.sin(direction)])
        tangent = np.array([-outward[1], outward[0]])
        t = np.linspace(-CENTRAL, CENTRAL, PROFILES) * half[1 - k % 2]
        start = np.array(outline.centre_mm)[:, None] + outward[:, None] * half[k % 2] + tangent[:, None] * t
        s, z = _profiles(pixels, pitch_mm, start, np.repeat(outward[:, None], PROFILES, axis=1))
        sides.append(replace(_line(t, *_places(s, z)), coarse=_coarse(s, z, step)))
    return _rectangle(outline, sides, SAMPLED[0] * max(pitch_mm))


def _rectangle(outline: Outline, sides: list[_Side], between: float) -> Outlined:
    """Four sides as one rectangle; ``between`` (mm) is what reading between pixels leaves open of a size."""
    right, low, left, up = sides
    slopes = np.array([s.slope for s in sides])
    u_slope = np.array([s.u_slope for s in sides])
    turn = -float(slopes.mean())  # a side whose outward offset grows along its tangent is turned back
    corners = float(np.degrees(abs((slopes[0] + slopes[2]) / 2 - (slopes[1] + slopes[3]) / 2)))
    angle = number(outline.angle_deg + float(np.degrees(turn)), {"edges": float(np.degrees(np.sqrt((u_slope**2).sum()) / 4))}, least_u=1e-4)
    a, b = (right.offset - left.offset) / 2, (low.offset - up.offset) / 2
    base = np.radians(outline.angle_deg)
    cos, sin = float(np.cos(base)), float(np.sin(base))
    x, y = outline.centre_mm[0] + a * cos - b * sin, outline.centre_mm[1] + a * sin + b * cos
    width, height = outline.size_mm[0] + right.offset + left.offset, outline.size_mm[1] + low.offset + up.offset
    u_pair = [float(np.hypot(one.u_offset, other.u_offset)) for one, other in ((right, left), (low, up))]
    apart = [abs(one.second + other.second - one.offset - other.offset) for one, other in ((right, left), (low, up))]
    tilt = [abs(float(slopes[k] - slopes[k + 2])) / 2 * outline.size_mm[1 - k] / 12**0.5 for k in (0, 1)]
    sizes = tuple(
        number(
            size,
            {"edges": u, "between pixels": between, "shape of the edge": SHAPE_PART * max(d - 2 * u, 0.0), "value steps": one + other},
        )
        for size, u, d, one, other in zip((width, height), u_pair, apart, (right.coarse, low.coarse), (left.coarse, up.coarse), strict=True)
    )
    middle_u = {"between pixels": between / 2}
    centre_u = np.hypot(u_pair[0] / 2 * np.array([cos, sin]), u_pair[1] / 2 * np.array([sin, cos]))
    return Outlined(
        "rectangle",
        (number(x, {"edges": float(centre_u[0])} | middle_u), number(y, {"edges": float(centre_u[1])} | middle_u)),
        (sizes[0], sizes[1]),
        angle,
        corners,
        (width + right.second + left.second - right.offset - left.offset, height + low.second + up.second - low.offset - up.offset),
        max(max(s.residual for s in sides), *tilt),
        1.0 - min(s.used for s in sides),
    )


def _profiles(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], start: Array, outward: Array) -> tuple[Array, Array]:
    """(places along the profiles in mm, (profiles, places) signal) from inside to outside of each start."""
    from scipy.ndimage import map_coordinates

    step = min(pitch_mm) / 2
    s = np.arange(-round(REACH_MM / step), round(REACH_MM / step) + 1) * step
    x = start[0][:, None] + outward[0][:, None] * s
    y = start[1][:, None] + outward[1][:, None] * s
    rows, columns = y / pitch_mm[0], x / pitch_mm[1]
    out = (rows < 0) | (rows > pixels.shape[0] - 1) | (columns < 0) | (columns > pixels.shape[1] - 1)
    z = map_coordinates(pixels, [rows, columns], order=1, mode="nearest", output=np.float64)
    z[out.any(axis=1)] = np.nan
    return np.asarray(s), np.asarray(z)


def _coarse(s: Array, z: Array, step: float) -> float:
    """How far steps of the values may move an edge, mm: half a step of either level, over the slope."""
    height = abs(middle(z[:, s > s[-1] - LEVEL_MM].ravel()) - middle(z[:, s < s[0] + LEVEL_MM].ravel()))
    return RISE_MM * step / 12**0.5 / height if height > step else 0.0


def _places(s: Array, z: Array) -> tuple[Array, Array]:
    """(half height, steepest place) of every profile in mm outward of its start; NaN where there is no edge. AnalysisError for a blade."""
    inside, outside = z[:, s < s[0] + LEVEL_MM], z[:, s > s[-1] - LEVEL_MM]
    low, high = np.median(inside, axis=1), np.median(outside, axis=1)
    if np.isfinite(high).any() and float(np.mean(high[np.isfinite(high)] < SHADED * low[np.isfinite(high)])) > 1 - STRAIGHT:
        raise AnalysisError(BLADE)
    noise = np.maximum(np.std(inside, axis=1), np.std(outside, axis=1)) + 1e-12
    step = high - low  # either sign: before a couch a frame may be brighter than what is outside
    ramp = (z - low[:, None]) / np.where(step == 0, 1.0, step)[:, None]
    good = (np.abs(step) > LEAST_STEP * noise) & np.isfinite(step)
    crosses = (ramp[:, :-1] < 0.5) & (ramp[:, 1:] >= 0.5)
    rise = np.where(crosses, ramp[:, 1:] - ramp[:, :-1], 1.0)
    where = np.where(crosses, s[:-1] + (0.5 - ramp[:, :-1]) / rise * (s[1] - s[0]), 0.0)
    count = crosses.sum(axis=1)
    half = np.where(good & (count > 0), where.sum(axis=1) / np.maximum(count, 1), np.nan)
    slope = np.diff(ramp, axis=1)
    at = (s[1:] + s[:-1]) / 2
    near = np.abs(at[None, :] - np.nan_to_num(half)[:, None]) < 1.5
    weight = np.where(near & (slope > 0), slope, 0.0) ** 2  # squared: its centre is the steepest place, tails hardly count
    total = weight.sum(axis=1)
    steep = np.where(np.isfinite(half) & (total > 0), (weight * at).sum(axis=1) / np.where(total > 0, total, 1.0), np.nan)
    return half, steep


def _line(t: Array, half: Array, steep: Array) -> _Side:
    """A straight line through the half-height places, outliers left out."""
    use = np.isfinite(half)
    design = np.stack([np.ones_like(t), t], axis=1)
    if use.sum() >= STRAIGHT * len(t):
        guess = _sturdy(t[use], half[use])
        left = half - design @ guess
        for _ in range(4):
            spread = 1.4826 * middle(np.abs(left[use]))
            use = np.isfinite(half) & (np.abs(np.nan_to_num(left, nan=np.inf)) <= 3.5 * spread + 0.02)
            if use.sum() < STRAIGHT * len(t):
                break
            guess = np.asarray(np.linalg.lstsq(design[use], half[use], rcond=None)[0], dtype=np.float64)
            left = half - design @ guess
    if use.sum() < STRAIGHT * len(t):
        raise AnalysisError("a side of the phantom's outline is covered, not straight or too faint; clear the view of all four sides")
    influence = np.linalg.pinv(design[use]).T * left[use][:, None]
    u = clustered_u(influence, (np.arange(len(t)) // GROUP)[use])
    both = use & np.isfinite(steep)
    apart = middle((steep - half)[both]) if both.any() else 0.0
    if abs(apart) > APART_MM:
        raise AnalysisError("a side of the phantom's outline is a ramp, not an edge: two ways of reading it differ; place the phantom flat")
    offset, slope = (float(value) for value in guess)
    return _Side(offset, slope, float(u[0]), float(u[1]), offset + apart, float(np.std(left[use])), float(use.mean()))


def _sturdy(t: Array, values: Array) -> Array:
    """(Offset, slope) by medians of halves: a first guess that a third of wild values does not move."""
    order = np.argsort(t)
    third = len(t) // 3
    first, last = order[:third], order[-third:]
    slope = (middle(values[last]) - middle(values[first])) / (middle(t[last]) - middle(t[first]))
    return np.array([middle(values - slope * t), slope])


def _rim(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], outline: Outline, step: float) -> Outlined:
    """A circle, with an elongation along two axes, through the rim's half-height places."""
    turn = np.arange(RIM_PROFILES) / RIM_PROFILES * 2 * np.pi
    outward = np.stack([np.cos(turn), np.sin(turn)])
    radius = outline.size_mm[0] / 2
    start = np.array(outline.centre_mm)[:, None] + outward * radius
    s, z = _profiles(pixels, pitch_mm, start, outward)
    half, steep = _places(s, z)
    design = np.stack([np.ones_like(turn), *outward, np.cos(2 * turn), np.sin(2 * turn)], axis=1)
    use = np.isfinite(half)
    left = half - middle(half[use]) if use.any() else half
    for k in range(5):
        spread = 1.4826 * middle(np.abs(left[use])) if use.any() else 0.0
        use = np.isfinite(half) & (np.abs(np.nan_to_num(left, nan=np.inf)) <= (6.0 if k == 0 else 3.5) * spread + 0.02)
        if use.sum() < STRAIGHT * len(turn):
            raise AnalysisError("the phantom's round outline is covered, cut or too faint; clear the view of the whole phantom")
        found = np.linalg.lstsq(design[use], half[use], rcond=None)[0]
        left = half - design @ found
    influence = np.linalg.pinv(design[use]).T * left[use][:, None]
    u = clustered_u(influence, (np.arange(len(turn)) // GROUP)[use])
    both = use & np.isfinite(steep)
    apart = middle((steep - half)[both]) if both.any() else 0.0
    if abs(apart) > APART_MM:
        raise AnalysisError("the phantom's rim is a ramp, not an edge: two ways of reading it differ; place the phantom flat")
    sizes = [2 * (radius + float(found[0]) + sign * float(found[3])) for sign in (1, -1)]
    u_size = 2 * float(np.hypot(u[0], u[3]))
    between = SAMPLED[1] * max(pitch_mm)
    budget = {"edges": u_size, "between pixels": between, "shape of the edge": SHAPE_PART * max(2 * abs(apart) - 2 * u_size, 0.0)}
    budget["value steps"] = 2 * _coarse(s, z, step)
    return Outlined(
        "circle",
        (
            number(outline.centre_mm[0] + float(found[1]), {"edges": float(u[1]), "between pixels": between / 8}),
            number(outline.centre_mm[1] + float(found[2]), {"edges": float(u[2]), "between pixels": between / 8}),
        ),
        (number(sizes[0], budget), number(sizes[1], budget)),
        Number(0.0, 180.0),
        0.0,
        (sizes[0] + 2 * apart, sizes[1] + 2 * apart),
        float(np.std(left[use])),
        1.0 - float(use.mean()),
    )
