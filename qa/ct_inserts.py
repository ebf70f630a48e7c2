"""CT numbers of the inserts, how far they are from what the certificate says, and how linear the scale is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phantoms.models import Module, Plug
from qa.ct_found import Found, disc_mask
from qa.features import roi
from qa.features.ct_recognise import anything, with_inserts
from qa.features.ct_scan import View
from qa.features.number import Number, number
from qa.features.position import Array
from qa.reading import AnalysisError

INNER, OUTER = 0.5, 0.65  # of an insert's radius: what is averaged, and the larger region that must say the same
HALF_MM = 6.0  # of the stack that is averaged
LIKE_MM = 8.0  # radius of the plastic in the module's middle whose noise is like the inserts'
CLIPPED = 0.2  # of the voxels at the lowest or highest value: with more, even the median is what the storage lets through
SOME = 0.02  # from here on the median is taken, which does not notice
FLOORS = (-1000.0, -1024.0, 3071.0, 3072.0)  # where CT numbers are usually cut off
PILED = 2.0  # times as many voxels at the end of a scale as at the value before it: the tail of noise thins out towards its end
NOISE_LEFT = 3.0  # times the variance that independent slices leave in their mean: neighbours share noise
RING_PART = 0.5  # of it in the mean of an insert: a ring or streak 1.5 mm wide is a quarter of a region of 6 mm
STEP_HU = 1.0
LINE = "the line through the inserts"
EMPTY_HU = -500.0  # an optional place that reads less holds air


@dataclass(frozen=True)
class Insert:
    """One insert's CT number, where it is (a, b) and the radius that was averaged; ``nominal`` None where anything may be in it."""

    plug: Plug
    place: tuple[float, float]
    radius_mm: float
    hu: Number | AnalysisError
    nominal: float | None
    slices: tuple[int, ...]


def inserts(found: Found) -> list[Insert]:
    """All inserts, with their numbers or why there is none. AnalysisError when their module is not in the scan."""
    module = with_inserts(found.model)
    slices = found.slices(module, min(HALF_MM, module.length_mm / 2 - 2.0))
    view = found.view(slices)
    like = _plastic(found, view, module, slices)
    free = anything(found.model)
    raw = found.scan.crops(slices, found.body.window)
    ends = (*FLOORS, float(min(crop.min() for crop in raw)), float(max(crop.max() for crop in raw)))
    result = []
    for plug in module.plugs:
        a, b = found.at(plug.x_mm, module.y_mm, plug.z_mm, slices)
        spot = found.pose.plugs.get(plug.name)
        if spot is not None and np.hypot(spot.x_mm - a, spot.z_mm - b) < 1.0:
            a, b = spot.x_mm, spot.z_mm
        hu = _one(found, view, (a, b), plug, like, slices, ends)
        if plug.optional and not free and not isinstance(hu, AnalysisError) and hu.value < EMPTY_HU:
            hu = AnalysisError(f"{plug.name} is not in its place, air is: fill it where its number is wanted")
        result.append(Insert(plug, (a, b), INNER * plug.diameter_mm / 2, hu, None if free else plug.hu, tuple(slices)))
    return _with_scatter(found, result)


def _with_scatter(found: Found, inserts: list[Insert]) -> list[Insert]:
    """The inserts with the noise of their means from how single slices scatter, pooled over all: true for noise of any correlation."""
    good = [i for i in inserts if isinstance(i.hu, Number)]
    if not good or len(good[0].slices) < 3 or len(good) < 3:
        return inserts
    each = np.array([[float(_values(found, k, i.place, i.radius_mm).mean()) for k in i.slices] for i in good])
    left = each - each.mean(axis=1, keepdims=True)
    count = each.shape[1]
    variance = float((left**2).sum()) / (len(good) * (count - 1))
    alike = float((left[:, 1:] * left[:, :-1]).sum()) / max(float((left**2).sum()), 1e-12) + 1 / count
    u = float(np.sqrt(variance * (1 + 2 * np.clip(alike, 0.0, 0.5) * (1 - 1 / count)) / count))
    u = max(u, STEP_HU / np.sqrt(12 * count * 9))

    def told(insert: Insert) -> Insert:
        if isinstance(insert.hu, AnalysisError):
            return insert
        own = insert.hu.budget
        budget = {**own, "noise": max(u, 0.5 * own["noise"]), "drift along the stack": drift[insert.plug.name]}
        return replace(insert, hu=number(insert.hu.value, budget, insert.hu.flags, 1e-3))

    drift = {insert.plug.name: _drift(values, u) for insert, values in zip(good, each, strict=True)}
    return [told(insert) for insert in inserts]


def _drift(values: Array, u_mean: float) -> float:
    """The standard deviation of a straight rise over the slices, by their two halves less the noise of their difference.

    Halves of a line that rises by 2 D from end to end differ by D; anywhere on it, alike, is D/sqrt(3) from its middle.
    """
    half = len(values) // 2
    apart = float(values[:half].mean() - values[-half:].mean())
    return float(np.sqrt(max(apart**2 - (2 * u_mean) ** 2, 0.0) / 3))


def _plastic(found: Found, view: View, module: Module, slices: list[int]) -> roi.Roi | None:
    """The plastic in the module's middle: how strong noise is, and how many voxels share it."""
    a, b = found.at(0.0, module.y_mm, 0.0, slices)
    if any(np.hypot(plug.x_mm, plug.z_mm) < LIKE_MM + plug.diameter_mm / 2 for plug in module.plugs):
        return None
    near, inside = disc_mask(view, a, b, LIKE_MM)
    try:
        return roi.region(near.values, inside, step=STEP_HU / np.sqrt(len(slices)))
    except AnalysisError:
        return None


def _one(
    found: Found,
    picture: View,
    place: tuple[float, float],
    plug: Plug,
    like: roi.Roi | None,
    slices: list[int],
    ends: tuple[float, ...],
) -> Number | AnalysisError:
    """One insert's CT number, by mean and by median, in two sizes of region."""
    radius = plug.diameter_mm / 2
    try:
        raw = np.concatenate([_values(found, k, place, INNER * radius) for k in slices])
        share, level = _clipped(raw, ends)
        if share > CLIPPED:
            stored = f"{100 * share:.0f} % of its voxels are stored as {level:.0f} HU"
            return AnalysisError(f"{plug.name} is clipped: {stored}, the end of the scale, and the true number lies beyond")
        near, inside = disc_mask(picture, *place, INNER * radius)
        small = roi.region(near.values, inside, like, STEP_HU / np.sqrt(len(slices)))
        near, inside = disc_mask(picture, *place, OUTER * radius)
        large = roi.region(near.values, inside, like, STEP_HU / np.sqrt(len(slices)))
    except AnalysisError as error:
        return error
    budget = dict(small.mean.budget)
    apart = abs(large.mean.value - small.mean.value)
    near, inside = disc_mask(picture, *place, INNER * radius)
    budget["rings or streaks"] = RING_PART * _structure(near.values[inside], raw.reshape(len(slices), -1))
    budget["size of the region"] = max(apart - 2 * small.mean.u, 0.0) / np.sqrt(3)
    flags: tuple[str, ...] = ()
    value = small.mean.value
    if share > SOME:
        value = float(np.median(raw))
        budget["median of clipped values"] = max(abs(value - small.mean.value) / np.sqrt(3), 0.75 * small.mean.u)
        flags = (f"{100 * share:.0f} % of its voxels are clipped at {level:.0f} HU: the median is given",)
    elif not roi.agree(small):
        flags = ("mean and median differ: something else lies in the insert",)
        budget["odd voxels"] = abs(small.mean.value - small.median) / np.sqrt(3)
    return number(value, budget, flags, 1e-3)


def _structure(mean: Array, each: Array) -> float:
    """The standard deviation over a region that all slices share: that of their mean, less what noise of single slices leaves in it."""
    if len(each) < 3:
        return 0.0
    left = NOISE_LEFT * float(each.var(axis=0, ddof=1).mean()) / len(each)
    return float(np.sqrt(max(float(mean.var(ddof=1)) - left, 0.0)))


def _values(found: Found, k: int, place: tuple[float, float], radius: float) -> Array:
    near, inside = disc_mask(found.single(k), *place, radius)
    return np.asarray(near.pixels[inside], dtype=np.float64)


def _clipped(values: Array, ends: tuple[float, ...]) -> tuple[float, float]:
    """The largest share of values at an end of the scale, and that end; ``ends`` are usual ones and the extremes of the whole slices.

    Some value is always the highest: it is an end only where far more voxels have it than have the one before it.
    """
    found, counts = np.unique(values, return_counts=True)
    if not len(found):
        return 0.0, ends[0]
    sides = [(found[0], counts[0], counts[1:2].sum()), (found[-1], counts[-1], counts[-2:-1].sum())]
    piled = [(float(count / len(values)), float(end)) for end, count, next_to in sides if end in ends and count > PILED * next_to]
    return max(piled, default=(0.0, ends[0]))


@dataclass(frozen=True)
class Line:
    """The straight line of measured against stated CT numbers: slope, intercept, the largest residual and whose it is."""

    slope: Number
    intercept: Number
    largest: Number
    name: str
    missing: str


def scale(line: Line) -> tuple[float, dict[str, float]]:
    """The slope of the inserts' line against the maker's, and where it puts water."""
    return line.slope.value, {LINE: line.intercept.value}


def linearity(found: list[Insert]) -> Line:
    """The weighted straight line through the inserts. AnalysisError for fewer than four.

    The weight of each is what its maker's range and its own u leave: a range of +-h counts as a standard deviation of h/sqrt(3).
    """
    use = [i for i in found if i.nominal is not None and not isinstance(i.hu, AnalysisError) and not (i.plug.optional)]
    if len(use) < 4:
        raise AnalysisError("fewer than four inserts with a stated CT number could be measured: there is no line through them")
    x = np.array([float(i.nominal or 0.0) for i in use])
    y = np.array([i.hu.value for i in use if not isinstance(i.hu, AnalysisError)])
    u = np.array([i.hu.u for i in use if not isinstance(i.hu, AnalysisError)])
    sd = np.hypot(u, [max((i.plug.hu_high - i.plug.hu_low) / 2 / np.sqrt(3), 1.0) for i in use])
    design = np.column_stack([x, np.ones(len(x))]) / sd[:, None]
    inverse = np.linalg.inv(design.T @ design) @ design.T / sd[None, :]
    slope, intercept = (float(v) for v in inverse @ y)
    left = y - slope * x - intercept
    worst = int(np.argmax(np.abs(left)))
    hat = np.eye(len(x)) - np.column_stack([x, np.ones(len(x))]) @ inverse
    u_slope, u_intercept, u_left = (float(np.sqrt(((row * u) ** 2).sum())) for row in (inverse[0], inverse[1], hat[worst]))
    absent = [i.plug.name for i in found if isinstance(i.hu, AnalysisError) and not i.plug.optional]
    return Line(
        number(slope, {"CT numbers": u_slope}),
        number(intercept, {"CT numbers": u_intercept}),
        number(abs(float(left[worst])), {"CT numbers": u_left}, least_u=1e-3),
        use[worst].plug.name,
        f"not measured: {', '.join(absent)}" if absent else "",
    )
