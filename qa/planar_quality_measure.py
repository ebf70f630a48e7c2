"""Everything that one image of a planar phantom gives: each part a number or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import erf
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qa import planar_quality_raw
from qa.features import planar_outline
from qa.features.detectability import non_prewhitening
from qa.features.mtf import Mtf
from qa.features.nps import Nps
from qa.features.number import Number, number
from qa.features.panel_defects import PanelDefects
from qa.features.planar_outline import Coarse
from qa.features.roi import Roi
from qa.planar_quality_bars import BarGroups, bars
from qa.planar_quality_look import Seen
from qa.planar_quality_noise import Even, bend, defects, even, largest_square, open_mask, plate_masks, whole
from qa.planar_quality_regions import Contrast, Part, about, against, backgrounds, believed, contrast, signal_to_noise
from qa.planar_quality_sharpness import Sharpness, edge
from qa.reading import AnalysisError

T = TypeVar("T")
FLANK, CERTAIN = 0.08, 4.0  # of the MTF, and times u: an outline further from the bars is no sharp edge
ROSE = 5.0  # signal to noise at which a disc counts as seen (Rose 1948: between 3 and 5)


@dataclass(frozen=True)
class Discs:
    """How many discs are seen: the count, how many there are, and each one's signal to noise."""

    count: Number
    total: int
    ratios: dict[str, float]


@dataclass(frozen=True)
class Found:
    """What one image gives. Texts are reasons; ``doubt`` is why none of its numbers may pass, empty when they may."""

    seen: Seen
    backgrounds: dict[str, Part]
    contrasts: dict[str, Contrast | str]
    edge: Sharpness | str
    bars: BarGroups | str
    evens: dict[str, Even | str]
    defects: PanelDefects | str
    discs: Discs | str
    d_prime: dict[str, Number | str]
    doubt: str


def measure(seen: Seen) -> Found:
    """One image, part by part: what one part lacks does not keep the others from being measured."""
    grounds, why = backgrounds(seen)
    search = planar_outline.coarse(seen.pixels, seen.pitch_mm)
    open_ = open_mask(search, whole(seen), seen.recognition.beside)
    masks = dict((_in_phantom(search, seen), ("open field", open_)))
    boxes = {name: largest_square(mask, search, seen.pixels.shape, seen.pitch_mm) for name, mask in masks.items()}
    evens: dict[str, Even | str] = {name: tried(partial(even, seen, box, name)) for name, box in boxes.items()}
    round_discs = {r.name: tried(partial(about, seen, r)) for r in seen.model.regions if r.kind == "disc"}
    contrasts = _contrasts(seen, grounds, why, round_discs, bend(search, seen) if round_discs else 0.0)
    sharp = tried(partial(edge, seen))
    noise = max((part.roi for part in grounds.values()), key=lambda r: r.pixels, default=None)
    plate = next(iter(evens.values()))
    if noise is None and isinstance(plate, Even):
        noise = plate.roi
    groups = tried(partial(bars, seen, noise))
    sharp = _believed(sharp, groups)
    return Found(
        seen,
        grounds,
        contrasts,
        sharp,
        groups,
        evens,
        tried(partial(defects, seen.raw, open_, search, seen.pitch_mm)),
        tried(partial(_discs, seen, round_discs)),
        _d_primes(seen, contrasts, sharp, evens),
        planar_quality_raw.doubt(seen, boxes),
    )


def _in_phantom(search: Coarse, seen: Seen) -> tuple[str, NDArray[np.bool_]]:
    """The even part of the phantom that noise is measured in: the bare plate, or a background where the plate has no room."""
    masks = plate_masks(search, seen)
    for name, mask in masks.items():
        if largest_square(mask, search, seen.pixels.shape, seen.pitch_mm) is not None:
            return name, mask
    return "plate", masks["plate"]


def _believed(sharp: Sharpness | str, groups: BarGroups | str) -> Sharpness | str:
    """An outline's MTF only where the bars agree with its form: thick plates have flanks that slant and corners that are broken."""
    if isinstance(sharp, str) or isinstance(groups, str) or isinstance(groups.mtf, str) or not sharp.border.name.startswith("outline"):
        return sharp
    f, seen, u = groups.mtf.frequency_per_mm, groups.mtf.mtf, groups.mtf.u
    there = np.interp(f, sharp.mtf.frequency_per_mm * sharp.scale.value, sharp.mtf.mtf)
    if not there[0] > FLANK:  # a curve over nothing would agree with anything
        return f"the outline's edge has no modulation left at {f[0]:.3g} per mm, where bars are seen: it is not the edge that it should be"
    apart = np.abs(there / there[0] - seen)
    if float(apart.max()) > FLANK and bool((apart > CERTAIN * u).any()):
        at = int(np.argmax(apart))
        return (
            f"the outline's edge puts the MTF at {f[at]:.3g} per mm at {there[at] / there[0]:.2f} of that at {f[0]:.3g} per mm, "
            f"the bars at {seen[at]:.2f}: its flank slants or is broken, so it says nothing of the imager"
        )
    return sharp


def tried(work: Callable[[], T]) -> T | str:
    """The result, or the reason why there is none."""
    try:
        return work()
    except AnalysisError as error:
        return str(error)


def _contrasts(
    seen: Seen, grounds: dict[str, Part], why: dict[str, str], round_discs: dict[str, Roi | str], bent: float
) -> dict[str, Contrast | str]:
    """Every contrast region against the backgrounds of its group, every disc against the plate round it."""
    found: dict[str, Contrast | str] = {}
    for region in seen.model.regions:
        if region.kind == "disc":
            local = round_discs[region.name]
            found[region.name] = local if isinstance(local, str) else tried(partial(contrast, seen, region, [], local, bent))
        elif region.kind == "contrast":
            named = against(seen.model, region)
            group = [grounds[name] for name in named if name in grounds]
            if lost := [why[name] for name in named if name in why]:  # against fewer backgrounds it would be another quantity
                found[region.name] = "its background could not be measured: " + "; ".join(lost)
            else:
                found[region.name] = tried(partial(contrast, seen, region, group))
    return found


def _discs(seen: Seen, round_discs: dict[str, Roi | str]) -> Discs:
    """Discs whose mean stands out of the plate by more than Rose's criterion; u from how near to it they are."""
    regions = [region for region in seen.model.regions if region.kind == "disc"]
    if not regions:
        raise AnalysisError(f"{seen.model.name} has no low-contrast discs to be counted")
    ratios = {}
    for region in regions:
        local = round_discs[region.name]
        if isinstance(local, str):
            raise AnalysisError(local)
        believed(seen, local)
        ratio, step = signal_to_noise(seen, region, local)
        right_way = (step > 0) == (region.transmission > 1)
        ratios[region.name] = abs(ratio) if right_way else 0.0
    chance = np.array([0.5 * (1 + erf((ratio - ROSE) / np.sqrt(2))) for ratio in ratios.values()])
    spread = float(np.sqrt((chance * (1 - chance)).sum()))
    count = sum(ratio > ROSE for ratio in ratios.values())
    return Discs(number(float(count), {"discs near the threshold": max(spread, 0.1)}), len(regions), ratios)


def _d_primes(
    seen: Seen, contrasts: dict[str, Contrast | str], sharp: Sharpness | str, evens: dict[str, Even | str]
) -> dict[str, Number | str]:
    """The non-prewhitening observer's d' of every disc that has a contrast, the MTF and the plate's noise spectrum known."""
    plate = next(iter(evens.values()))
    found: dict[str, Number | str] = {}
    for region in seen.model.regions:
        if region.kind != "disc":
            continue
        one = contrasts[region.name]
        if isinstance(one, str):
            found[region.name] = one
        elif isinstance(plate, str):
            found[region.name] = f"the noise spectrum is not known: {plate}"
        elif isinstance(sharp, str):
            found[region.name] = f"the MTF is not known: {sharp}"
        elif not one.full:
            found[region.name] = f"{region.name} is too small against the blur for its contrast to be known"
        else:
            found[region.name] = tried(partial(_d_prime, seen, one, sharp.mtf, plate.nps))
    return found


def _d_prime(seen: Seen, one: Contrast, mtf: Mtf, nps: Nps) -> Number:
    level = one.background.mean.value
    step = number(one.contrast.value * level, {name: u * level for name, u in one.contrast.budget.items()})
    return non_prewhitening(step, one.region.width_mm / 2 * seen.pose.mean_scale, mtf, nps).d_prime
