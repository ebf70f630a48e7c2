"""What the parts of a phantom show: their means and noise, contrast, contrast to noise and how visible discs are.

A region is measured well inside its borders, where blur does not reach; its mean must agree with its median, or something else lies in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, Region
from qa.features import roi
from qa.features.number import Number, number
from qa.features.planar_map import Pose, corners, inside
from qa.features.position import Array
from qa.features.roi import Roi
from qa.planar_quality_look import ALL_BITS, Seen
from qa.reading import AnalysisError

MARGIN_MM = {"kV": 1.2, "MV": 2.2}  # on the phantom: beyond it a panel's blur leaves less than a hundredth of a step
MOST_LEFT = 0.6  # of a region's half width: of small discs this much is left, and what blur takes is said
SMALLEST_PX = 24  # of a region
RING_MM = (1.6, 4.2)  # round a disc, from its rim: where its background is taken
APART = 0.03  # of the mean, by which mean and median may differ beyond noise: scatter makes regions slope by less
ODD = 0.02  # share of pixels far off the rest that a region may hold: dead pixels
WILD, CERTAIN = 1.25, 4.0  # noise over what a sturdy estimate says; times what few pixels leave open
CLIPPED = 0.02  # share of pixels at the end of the range that says clipped


@dataclass(frozen=True)
class Part:
    """A region of the phantom as it was measured: where (``shrink`` of its size), and what it holds."""

    region: Region
    shrink: float
    roi: Roi
    full: bool  # whether the part is large enough against the blur to reach its full contrast


@dataclass(frozen=True)
class Contrast:
    """A region against its background: contrast (ratio minus 1), its noise relation, and what is seen of its area."""

    region: Region
    part: Part
    background: Roi
    contrast: Number
    cnr: Number | str
    visibility: Number | str
    full: bool


def crop(seen: Seen, points_mm: tuple[tuple[float, float], ...], room_mm: float = 0.0) -> tuple[NDArray[np.float32], Array, Array]:
    """The pixels round a polygon of the model, and the model's (x, y) of each. AnalysisError when it leaves the image."""
    x, y = seen.pose.place(*np.array(points_mm).T)
    rows = (float(y.min()) - room_mm) / seen.pitch_mm[0], (float(y.max()) + room_mm) / seen.pitch_mm[0]
    columns = (float(x.min()) - room_mm) / seen.pitch_mm[1], (float(x.max()) + room_mm) / seen.pitch_mm[1]
    r0, r1, c0, c1 = int(np.floor(rows[0])), int(np.ceil(rows[1])) + 1, int(np.floor(columns[0])), int(np.ceil(columns[1])) + 1
    if min(r0, c0) < 0 or r1 > seen.pixels.shape[0] or c1 > seen.pixels.shape[1]:
        raise AnalysisError("a part of the phantom lies outside the image; image the whole phantom")
    y_mm, x_mm = np.meshgrid(np.arange(r0, r1) * seen.pitch_mm[0], np.arange(c0, c1) * seen.pitch_mm[1], indexing="ij")
    return seen.pixels[r0:r1, c0:c1], *seen.pose.back(x_mm, y_mm)


def measure(seen: Seen, region: Region, like: Roi | None = None) -> Part:
    """One region, well inside its borders. AnalysisError when it is too small, clipped, or holds something else."""
    shrink, full = kept(seen, region)
    pixels, x, y = crop(seen, corners(region, shrink))
    use = inside(region, x, y, shrink)
    for other in _within(seen, region):
        use &= ~inside(other, x, y, 1 + 2 * MARGIN_MM[seen.image.radiation] / min(other.width_mm, other.height_mm))
    if int(use.sum()) < SMALLEST_PX:
        raise AnalysisError(f"{region.name} covers {int(use.sum())} pixels, too few for a mean; take a smaller pixel or more magnification")
    found = roi.region(pixels.astype(np.float64), use, like, seen.step)
    if max(found.clipped, at_the_end(seen, pixels[use])) > CLIPPED:
        raise AnalysisError(f"{region.name} is clipped at the end of the value range; repeat with another exposure")
    apart = abs(found.mean.value - found.median) / max(abs(found.mean.value), 1e-12)
    if (not roi.agree(found) and apart > APART) or found.odd > ODD:
        raise AnalysisError(
            f"mean and median of {region.name} differ by {100 * apart:.2f} %: something else lies in it, or pixels are defective; "
            "look at the image"
        )
    return Part(region, shrink, _with_steps(seen, _with_shading(found)), full)


def at_the_end(seen: Seen, values: NDArray[np.float32]) -> float:
    """The share of values at the very end of what the image holds."""
    low, top = seen.ends
    return float(max(np.mean(values >= top), np.mean(values <= low)))


def _within(seen: Seen, region: Region) -> list[Region]:
    """The parts that lie in a region: a hole in a plate of copper."""
    later = seen.model.regions[seen.model.regions.index(region) + 1 :]
    return [other for other in later if inside(region, np.array([other.x_mm]), np.array([other.y_mm]))[0]]


def _with_shading(found: Roi) -> Roi:
    """The region with what its mean and median differ beyond noise in the budget of its mean: scatter and slopes are not even."""
    beyond = max(abs(found.mean.value - found.median) - 3 * found.mean.u, 0.0) / 2
    return replace(found, mean=number(found.mean.value, {**found.mean.budget, "mean and median": beyond})) if beyond else found


def _with_steps(seen: Seen, found: Roi) -> Roi:
    """The region with what rounding may have moved its mean by, where no noise spreads the values over several steps."""
    if seen.step <= found.noise.value:
        return found
    return replace(found, mean=number(found.mean.value, {**found.mean.budget, "value steps": seen.step / 12**0.5}))


def kept(seen: Seen, region: Region) -> tuple[float, bool]:
    """How much of a region's size is measured, and whether blur leaves that alone."""
    half = min(region.width_mm, region.height_mm) / 2
    margin = max(MARGIN_MM[seen.image.radiation], 0.12 * half)
    shrink = (half - margin) / half
    return (shrink, True) if shrink >= 0.3 else (MOST_LEFT, False)


def about(seen: Seen, region: Region, like: Roi | None = None) -> Roi:
    """The plate round a disc, without what else lies there."""
    half = max(region.width_mm, region.height_mm) / 2
    outer = half + RING_MM[1]
    square = tuple((region.x_mm + a * outer, region.y_mm + b * outer) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
    pixels, x, y = crop(seen, square)
    distance = np.hypot(x - region.x_mm, y - region.y_mm)
    use = (distance > half + RING_MM[0]) & (distance < outer)
    for other in seen.model.regions:
        apart = np.hypot(other.x_mm - region.x_mm, other.y_mm - region.y_mm)
        if other is not region and apart < outer + max(other.width_mm, other.height_mm):
            grown = 1 + 2 * RING_MM[0] / max(min(other.width_mm, other.height_mm), 1e-9)
            covers = inside(other, np.array([region.x_mm]), np.array([region.y_mm]))[0]
            if not covers:  # what carries the disc is its background
                use &= ~inside(other, x, y, grown)
    if int(use.sum()) < 2 * SMALLEST_PX:
        raise AnalysisError(f"too little of the plate is free round {region.name}")
    if at_the_end(seen, pixels[use]) > CLIPPED:
        raise AnalysisError(f"the plate round {region.name} is clipped at the end of the value range; repeat with another exposure")
    return _with_steps(seen, roi.region(pixels.astype(np.float64), use, like, seen.step))


def backgrounds(seen: Seen) -> tuple[dict[str, Part], dict[str, str]]:
    """The regions that contrasts are against, by name, and why others of them are not there."""
    found, why = {}, {}
    for region in seen.model.regions:
        if region.kind == "background":
            try:
                found[region.name] = measure(seen, region)
            except AnalysisError as error:
                why[region.name] = str(error)
    return found, why


def against(model: PlanarModel, region: Region) -> list[str]:
    """The backgrounds that a region's contrast is against: those of its group, all where it has none."""
    grounds = [other for other in model.regions if other.kind == "background"]
    return [other.name for other in grounds if other.group == region.group] or [other.name for other in grounds]


def contrast(seen: Seen, region: Region, grounds: list[Part], local: Roi | None = None, bend: float = 0.0) -> Contrast:
    """A region against the given backgrounds, or against the plate round it, ``local``. AnalysisError says what is wrong.

    ``bend``: what the light loses with the square of the distance, 1/mm^2: a disc stands in other light than the ring round it.
    """
    if local is None and not grounds:
        local = about(seen, region)
    like = local or max((p.roi for p in grounds), key=lambda r: r.pixels)
    part = measure(seen, region, like)
    ground = local or grounds[0].roi
    mean = local.mean if local else _mean([p.roi.mean for p in grounds])
    if not mean.value > 0:
        raise AnalysisError("the background has no signal; check the exposure")
    ratio = part.roi.mean.value / mean.value
    parts = {"region": part.roi.mean.u / mean.value, "background": ratio * mean.u / mean.value}
    if local is not None and bend:
        half = region.width_mm / 2
        parts["shape of the beam"] = (
            ratio * abs(bend) * ((half + RING_MM[0]) ** 2 + (half + RING_MM[1]) ** 2 - (part.shrink * half) ** 2) / 2
        )
    if len(grounds) > 1:
        parts["shading between backgrounds"] = ratio * _spread([p.roi.mean.value for p in grounds]) / mean.value
    noise = float(np.sqrt((part.roi.noise.value**2 + ground.noise.value**2) / 2))
    difference = part.roi.mean.value - mean.value
    area = np.pi / 4 * region.width_mm**2 if region.shape == "circle" else region.width_mm * region.height_mm
    side = float(np.sqrt(area))
    cnr: Number | str
    visible: Number | str
    try:
        believed(seen, part.roi, ground)
        cnr = _to_noise(difference, noise, part.roi, ground, mean)
        visible = number(cnr.value * side, {name: u * side for name, u in cnr.budget.items()})
    except AnalysisError as error:
        cnr = visible = str(error)
    return Contrast(region, part, ground, number(ratio - 1, parts, least_u=1e-9), cnr, visible, part.full)


def believed(seen: Seen, *regions: Roi) -> None:
    """AnalysisError where the scatter of the pixels is not the detector's noise: rounded away, or made of pixels that read wrong."""
    for one in regions:
        if seen.step > one.noise.value:
            raise AnalysisError(f"values come in steps coarser than the noise, which is rounded away: {ALL_BITS}")
        if one.noise.value > one.robust_sd * (WILD + CERTAIN / np.sqrt(one.pixels)):
            raise AnalysisError(
                "single pixels read far off their neighbours, so the scatter is not the detector's noise; have it recalibrated"
            )


def _to_noise(difference: float, noise: float, part: Roi, ground: Roi, mean: Number) -> Number:
    """Contrast to noise with its budget: |difference| over the root mean square of both regions' noise."""
    if noise <= 1e-9 * max(abs(mean.value), 1e-300):
        raise AnalysisError("the regions hold no noise at all: these are not pixel values as the detector gave them")
    u_noise = float(np.hypot(part.noise.value * part.noise.u, ground.noise.value * ground.noise.u)) / 2 / noise
    parts = {"contrast": float(np.hypot(part.mean.u, mean.u)) / noise, "noise": abs(difference) * u_noise / noise**2}
    return number(abs(difference) / noise, parts)


def _mean(values: list[Number]) -> Number:
    return number(float(np.mean([v.value for v in values])), {"noise": float(np.sqrt(sum(v.u**2 for v in values))) / len(values)})


def _spread(values: list[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def signal_to_noise(seen: Seen, region: Region, background: Roi) -> tuple[float, float]:
    """A disc's mean difference from its surroundings over its own standard uncertainty, and that difference over the surroundings.

    The whole disc counts, covered pixels by their share: blur makes it fainter, so a small disc is seen less, as it is by an eye.
    """
    x, y = (float(v) for v in seen.pose.place(region.x_mm, region.y_mm))
    radius = region.width_mm / 2 * seen.pose.mean_scale
    step = seen.pitch_mm
    r0, c0 = max(int((y - radius) / step[0]) - 1, 0), max(int((x - radius) / step[1]) - 1, 0)
    patch = seen.pixels[r0 : int((y + radius) / step[0]) + 3, c0 : int((x + radius) / step[1]) + 3]
    share = roi.covered(patch.shape, step, (x - c0 * step[1], y - r0 * step[0]), radius)
    weight = share / share.sum()
    mean = float((weight * patch).sum())
    sharing = min(background.shared_px, 1 / float((weight**2).sum()) * 4)
    u = background.noise.value * np.sqrt(float((weight**2).sum()) * sharing + background.shared_px / background.pixels)
    return (mean - background.mean.value) / max(float(u), 1e-12), mean / background.mean.value - 1


def outline_of(pose: Pose, region: Region, shrink: float) -> tuple[tuple[float, float], ...]:
    """A region's border in the pixel frame, mm."""
    x, y = pose.place(*np.array(corners(region, shrink)).T)
    return tuple((float(a), float(b)) for a, b in zip(x, y, strict=True))
