"""Groups of bars: the MTF from their waves, in the phantom's plane, over that of the coarsest group."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phantoms.models import Region
from qa.features import mtf_bars, roi
from qa.features.mtf import Mtf
from qa.features.number import Number, number
from qa.features.planar_map import corners, inside
from qa.planar_quality_geometry import times
from qa.planar_quality_look import Seen
from qa.planar_quality_regions import CLIPPED, MARGIN_MM, at_the_end, crop
from qa.reading import AnalysisError

HALF = 0.4  # of what cut periods could add is left: the borders lie at whole periods, to a part of a pixel
RESOLVED = 0.75  # of the Nyquist frequency: nearer to it bars beat with the pixels
ODD = 1.0  # of what bars and gaps are apart: a pixel further from their middle reads wrong
FEWEST_GROUPS, FEWEST_PERIODS = 3, 2  # of bars for a curve; of a group


@dataclass(frozen=True)
class BarGroups:
    """What the groups of bars show: each group with its region, and the MTF from them in the phantom's plane, or why there is none."""

    groups: tuple[tuple[Region, mtf_bars.Bars | str], ...]
    mtf: Mtf | str


def bars(seen: Seen, noise: roi.Roi | None) -> BarGroups:
    """Every group of bars, and the MTF relative to the coarsest from those that are seen. AnalysisError when the phantom has none.

    The finest groups are left out, one by one, as long as what they show is not their own wave.
    """
    regions = [region for region in seen.model.regions if region.kind == "bars"]
    if not regions:
        raise AnalysisError(f"{seen.model.name} has no groups of bars")
    if noise is None:
        raise AnalysisError("the bars' noise cannot be taken off: no even region could be measured")
    groups: list[tuple[Region, mtf_bars.Bars | str]] = []
    for region in regions:
        try:
            groups.append((region, _group(seen, region, noise)))
        except AnalysisError as error:
            groups.append((region, str(error)))
    good = sorted((g for _, g in groups if isinstance(g, mtf_bars.Bars)), key=lambda g: g.frequency_per_mm)
    first = ""
    while True:
        try:
            return BarGroups(tuple(groups), mtf_bars.mtf_of_bars(good, None))
        except AnalysisError as error:
            first = first or str(error)
        if len(good) <= FEWEST_GROUPS:
            return BarGroups(tuple(groups), first)
        good = good[:-1]


def _group(seen: Seen, region: Region, noise: roi.Roi) -> mtf_bars.Bars:
    """One group, in units of the phantom's plane. AnalysisError when its wave lies beyond what the pixels show along either axis."""
    turn = np.radians(region.turn_deg)
    across = seen.pose.axes @ np.array([np.cos(turn), np.sin(turn)])
    wave = region.lp_per_mm / seen.pose.mean_scale * across / np.hypot(*across)
    per_pixel = np.abs(wave) * np.array([seen.pitch_mm[1], seen.pitch_mm[0]])
    if per_pixel.max() > RESOLVED / 2:
        most = region.lp_per_mm * RESOLVED / 2 / float(per_pixel.max())
        raise AnalysisError(f"finer than what the pixels show without aliasing in this direction ({most:.2f} lp/mm)")
    part = whole_periods(seen, region)
    pixels, x, y = crop(seen, corners(part))
    direction = float(np.degrees(np.arctan2(across[1], across[0])))
    use, f_image = inside(part, x, y), region.lp_per_mm / seen.pose.mean_scale
    if at_the_end(seen, pixels[use]) > CLIPPED:
        raise AnalysisError(f"{region.name} is clipped at the end of the value range; repeat with another exposure")
    low, high = np.percentile(pixels[use], (2, 98))
    use &= np.abs(pixels - (low + high) / 2) < ODD * (high - low)  # a dead pixel among bars, which no neighbour tells
    found = mtf_bars.bar_group(pixels.astype(np.float64), use, seen.pitch_mm, f_image, direction, noise)
    off = np.abs(2 * per_pixel - np.round(2 * per_pixel)) / np.array([seen.pitch_mm[1], seen.pitch_mm[0]])
    sd = _with_beats(found, float(np.hypot(*off)) * part.width_mm * seen.pose.mean_scale)
    light = found.mean if seen.zero else 1.0  # groups stand in different light, and their waves grow with it
    return mtf_bars.Bars(region.lp_per_mm, times(sd, 1 / light), times(found.fundamental, 1 / light), found.periods, found.flags)


def whole_periods(seen: Seen, region: Region) -> Region:
    """The part of a group that is measured: whole periods about its middle, so that no part of a period adds to the variance.

    AnalysisError when there are not two.
    """
    margin = MARGIN_MM[seen.image.radiation]
    periods = int((region.width_mm - margin) * region.lp_per_mm)
    if periods < FEWEST_PERIODS:
        raise AnalysisError(f"{region.name} shows fewer than {FEWEST_PERIODS} whole periods clear of its borders")
    return replace(region, width_mm=periods / region.lp_per_mm, height_mm=region.height_mm - 2 * margin)


def _with_beats(group: mtf_bars.Bars, beats: float) -> Number:
    """The deviation of a wave, with what its beat against the pixels leaves unknown: few beats in a group are cut like few periods."""
    part = group.sd.value / (8 * np.pi * max(beats, 0.5) * np.sqrt(2))
    cut = {name: u * (HALF if name == "cut periods" else 1.0) for name, u in group.sd.budget.items()}
    return number(group.sd.value, {**cut, "beats with the pixels": float(part)})
