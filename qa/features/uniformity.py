"""How even a uniform region is: the uniformity index and the integral non-uniformity, each with its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

from qa.features.number import Number, number
from qa.reading import AnalysisError

HU_ZERO = 1000.0  # added to HU, so that vacuum is 0 and ratios mean something


def uniformity_index(centre: Number, edges: Mapping[str, Number]) -> tuple[Number, str]:
    """UI = 100 (HU_edge - HU_centre)/(HU_centre + 1000) in %, of the edge where it is farthest from 0, with its sign; and that edge's name.

    Negative is a dark rim (over-corrected cupping), positive a dark centre. AnalysisError without an edge or where the centre is vacuum.
    Source: Elstrom et al. 2011, equation 2 (recalled).
    """
    base = centre.value + HU_ZERO
    if not edges or base <= 0:
        raise AnalysisError("the uniformity index needs a centre that is not air and at least one region near the edge")
    index = {name: 100 * (edge.value - centre.value) / base for name, edge in edges.items()}
    worst = max(index, key=lambda name: abs(index[name]))
    edge = edges[worst]
    parts = {"edge region": 100 * edge.u / base, "centre region": 100 * centre.u * (edge.value + HU_ZERO) / base**2}
    return number(index[worst], parts), worst


def integral_non_uniformity(regions: Mapping[str, Number], zero: float = HU_ZERO) -> Number:
    """INU = (max - min)/(max + min + 2 zero) of the regions' means; ``zero`` 1000 for HU, 0 for pixel values that are proportional to dose.

    Noise alone makes it larger than 0: with n like regions by about the range of n draws; u says how much of it may be that. Source:
    Elstrom et al. 2011, equation 1 (recalled). AnalysisError for fewer than two regions, or values that are not above 0.
    """
    if len(regions) < 2:
        raise AnalysisError("non-uniformity needs at least two regions")
    high, low = (pick(regions.values(), key=lambda region: region.value) for pick in (max, min))
    total = high.value + low.value + 2 * zero
    if total <= 0:
        raise AnalysisError("non-uniformity needs values above zero; the region is not in the phantom")
    value = (high.value - low.value) / total
    parts = {"highest region": high.u * 2 * (low.value + zero) / total**2, "lowest region": low.u * 2 * (high.value + zero) / total**2}
    return number(value, parts, least_u=1e-9)


def planar_uniformity(regions: Mapping[str, Number]) -> Number:
    """100 (1 - INU) in %: 100 is even. ``regions`` hold pixel values that are proportional to dose. Fails like the above."""
    inu = integral_non_uniformity(regions, zero=0.0)
    return number(100 * (1 - inu.value), {name: 100 * part for name, part in inu.budget.items()}, least_u=1e-7)
