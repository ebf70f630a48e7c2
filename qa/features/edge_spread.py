"""The edge spread of an edge in fine bins, and its spectrum: a fitted shape plus the Fourier transform of what that shape leaves.

The derivative is taken in the spectrum (a factor 2 pi i f), so no finite difference is left to correct; the bins' width is divided out.
What the shape leaves is small, goes to zero on the plateaus, and so neither the length of the edge spread nor gaps in it bend the curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.edge_model import EdgeModel, fit_more, fit_one, refined
from qa.features.edge_samples import Edge
from qa.features.number import jackknife_u
from qa.features.position import Array, clustered_u, middle
from qa.reading import AnalysisError

BINS_PER_PITCH = 6  # fine enough that the bin's sinc is above 0.98 at the pixel's Nyquist frequency
SHARPEST, WIDEST = 0.12, 0.45  # blurs looked for: of the pixel pitch; of the distance seen on either side
LEFT_OVER = (6.0, 3.0)  # blurs (narrow, wide) from the edge within which what the shape leaves is looked at
ROUNDS = 4  # of fitting the place of the edge
SHORT = 3.0  # blurs of plateau on either side that are needed: less and the plateau is not known
CLIPPED = 0.03  # share of samples at the very lowest or highest value, twice as many as at the next, that says "clipped"


@dataclass(frozen=True)
class Spread:
    """An edge spread and its spectrum.

    ``distance_mm`` and ``value`` are bin means, ``model`` the fitted shape; ``mtf`` at ``frequency_per_mm`` with ``replicates``, the same
    without each stretch in turn, ``model_mtf`` of the shape alone and its replicates; ``wobble_mm`` how far the stretches lie off the line
    or circle beyond noise, ``place_u_mm`` what noise leaves unknown of the edge's course (root mean square along it).
    """

    edge: Edge
    distance_mm: Array
    value: Array
    count: Array
    model: EdgeModel
    frequency_per_mm: Array
    mtf: Array
    replicates: Array
    model_mtf: Array
    model_replicates: Array
    wobble_mm: float
    place_u_mm: float
    reach_mm: float


def settled(samples: Callable[[tuple[float, ...] | None], Edge], slopes: bool) -> tuple[Edge, EdgeModel]:
    """An edge whose line or circle has been moved until the edge's own shape explains the pixels best, and that shape.

    ``samples(place)`` makes the samples for a place, None for a first look. AnalysisError when the place does not settle.
    """
    edge = samples(None)
    for _ in range(ROUNDS):
        check(edge)
        model = fitted(edge, slopes, rough=True)
        residual = edge.value - model.value(edge.distance_mm)
        near = np.abs(edge.distance_mm - model.place_mm) <= 4 * max(model.blurs_mm)
        columns = model.slope(edge.distance_mm[near])[:, None] * edge.direction[near]
        change = np.linalg.lstsq(columns, residual[near], rcond=None)[0]
        change[0 if edge.shape == "line" else -1] += model.place_mm if edge.shape == "line" else _radius_change(edge, model)
        edge = samples(tuple(p + c for p, c in zip(edge.place, change, strict=True)))
        moved = float(np.abs(edge.direction @ change).max())
        if moved < 0.005 * min(edge.pitch_mm):
            return edge, fitted(edge, slopes)
        if moved > 6 * max(edge.pitch_mm) + abs(edge.place[-1]) / 4 * (edge.shape == "circle"):
            raise AnalysisError(
                "the edge is not where it was expected; check the phantom's position and that a single edge is in the patch"
            )
    return edge, fitted(edge, slopes)


def _radius_change(edge: Edge, model: EdgeModel) -> float:
    """The model's own place as a growth of the radius: the fit lets the edge lie beside distance zero."""
    return float(model.place_mm / -edge.direction[0, -1])


def check(edge: Edge) -> None:
    """AnalysisError when pixels are clipped: a clipped edge looks sharper than it is."""
    for sign in (1, -1):
        levels, counts = np.unique(sign * edge.value, return_counts=True)
        even = edge.value[sign * edge.value == levels[-1]]
        if len(levels) > 20 and len(even) > CLIPPED * len(edge.value) and counts[-1] > 2 * counts[-2] and _noisy(edge, -sign):
            raise AnalysisError(f"pixel values are cut off at {even[0]:g} beside the edge: use an edge that lies within their range")


def _noisy(edge: Edge, side: int) -> bool:
    """Whether the plateau on one side of the edge varies by more than a thousandth: in a drawing without noise none does."""
    far = edge.value[side * edge.distance_mm > 0.7 * np.abs(edge.distance_mm).max()]
    return len(far) > 4 and float(np.std(far)) > 1e-3 * float(np.ptp(edge.value))


def binned(edge: Edge, reach_mm: float) -> tuple[Array, Array, Array]:
    """(stretches, bins) counts, summed distances and summed values of samples within ``reach_mm``; empty bins are left out."""
    width = min(edge.pitch_mm) / BINS_PER_PITCH
    use = np.abs(edge.distance_mm) <= reach_mm
    d, value, part = edge.distance_mm[use], edge.value[use], edge.part[use]
    place = np.floor((d + reach_mm) / width).astype(np.intp)
    bins, parts = int(place.max()) + 1, int(edge.part.max()) + 1
    key = part * bins + place
    count, distance, total = (summed(key, weights, parts * bins).reshape(parts, bins) for weights in (np.ones_like(d), d, value))
    filled = count.sum(axis=0) > 0
    return count[:, filled], distance[:, filled], total[:, filled]


def summed(key: NDArray[np.intp], weights: Array, size: int) -> Array:
    """The sums of the weights of each key."""
    return np.bincount(key, weights, size).astype(np.float64)


def reach_of(edge: Edge) -> float:
    """How far from the edge there are samples on both sides, mm."""
    return float(min(edge.distance_mm.max(), -edge.distance_mm.min()))


def fitted(edge: Edge, slopes: bool, rough: bool = False) -> EdgeModel:
    """The shape of an edge's samples, of one blur where ``rough``; AnalysisError when its plateaus are too short for its blur."""
    reach = reach_of(edge)
    pitch = min(edge.pitch_mm)
    if reach < 4 * pitch:
        raise AnalysisError("fewer than four pixels lie beside the edge; take a larger patch")
    count, distance, value = (table.sum(axis=0) for table in binned(edge, reach))
    model = fit_one(distance / count, value / count, count, (SHARPEST * pitch, 0.5 * pitch, WIDEST * reach), slopes)
    if SHORT * model.blurs_mm[0] > reach:
        raise AnalysisError("the plateaus beside the edge are too short for its blur; take a larger patch or a larger insert")
    return model if rough else fit_more(model, distance / count, value / count, count, (SHARPEST * pitch, WIDEST * reach))


def spectrum(edge: Edge, model: EdgeModel, frequency_per_mm: Array) -> Spread:
    """The edge's spread, its MTF at those frequencies, and both again without each of its stretches."""
    reach = reach_of(edge)
    tables = binned(edge, reach)
    count, distance, value = (table.sum(axis=0) for table in tables)
    bin_mm = min(edge.pitch_mm) / BINS_PER_PITCH
    bin_mm2 = _within_bins(edge, model, bin_mm, reach)
    blurs = model.blurs_mm
    window = min(reach, max(LEFT_OVER[0] * blurs[0], LEFT_OVER[1] * blurs[-1]))
    wave = np.exp(-2j * np.pi * np.outer(distance / count, frequency_per_mm))

    def transformed(count: Array, distance: Array, value: Array, shape: EdgeModel) -> tuple[Array, Array]:
        seen = count > 0
        d = distance[seen] / count[seen]
        left = (value[seen] / count[seen] - shape.value(d)) * taper(d - model.place_mm, window) * widths(d, 2 * bin_mm, reach)
        derivative = 2j * np.pi * frequency_per_mm * (left @ wave[seen]) * np.exp(2 * np.pi**2 * frequency_per_mm**2 * bin_mm2)
        own = shape.spectrum(frequency_per_mm, bin_mm2)
        return (own + derivative) / shape.step, np.abs(own / shape.step)

    whole, of_model = transformed(count, distance, value, model)
    range_mm = (SHARPEST * min(edge.pitch_mm), WIDEST * reach)
    replicates, model_replicates = [], []
    for g in range(len(tables[0])):
        c, d, v = count - tables[0][g], distance - tables[1][g], value - tables[2][g]
        seen = c > 0
        shape = refined(model, d[seen] / c[seen], v[seen] / c[seen], c[seen], range_mm, rounds=1)
        one, two = transformed(c, d, v, shape)
        replicates.append(one)
        model_replicates.append(two)
    lines = np.array(replicates)
    noise = jackknife_u(lines)
    mtf, parts = (np.sqrt(np.maximum(np.abs(z) ** 2 - noise**2, 0.0)) for z in (whole, lines))
    wobble, place_u = _course(edge, model)
    return Spread(
        edge,
        distance / count,
        value / count,
        count,
        model,
        frequency_per_mm,
        mtf,
        parts,
        of_model,
        np.array(model_replicates),
        wobble,
        place_u,
        reach,
    )


def _within_bins(edge: Edge, model: EdgeModel, bin_mm: float, reach: float) -> float:
    """Mean square of the distances within a bin about their mean, near the edge: a twelfth of the squared bin, or 0 at 45 degrees."""
    d = edge.distance_mm[np.abs(edge.distance_mm - model.place_mm) <= 2 * model.blurs_mm[0]]
    place = np.floor((d + reach) / bin_mm).astype(np.intp)
    place = place - place.min()
    count = np.maximum(np.bincount(place), 1)
    return float(np.mean((d - (np.bincount(place, d) / count)[place]) ** 2))


def taper(x: Array, window: float) -> Array:
    """1 up to half of the window, then down to 0 as a cosine."""
    return np.asarray(np.cos(np.pi / 2 * np.clip(2 * np.abs(x) / window - 1, 0, 1)) ** 2)


def widths(d: Array, least: float, reach: float) -> Array:
    """The length that each of the ordered places stands for: half of the way to either neighbour."""
    ends = np.concatenate([[max(-reach, d[0] - least)], (d[1:] + d[:-1]) / 2, [min(reach, d[-1] + least)]])
    return np.diff(ends)


def _course(edge: Edge, model: EdgeModel) -> tuple[float, float]:
    """How far the stretches lie off the line or circle beyond noise, and how well noise lets its course be known, mm.

    Noise of neighbouring stretches is independent, a bend is not: the bend is what neighbours have in common, where that is more than twice
    what independent ones would have by chance.
    """
    d = edge.distance_mm
    near = np.abs(d - model.place_mm) <= 3 * model.blurs_mm[0]
    slope, left, part = model.slope(d[near]), (edge.value - model.value(d))[near], edge.part[near]
    parts = int(edge.part.max()) + 1
    power = summed(part, slope * slope, parts)
    shift = summed(part, slope * left, parts) / np.maximum(power, 1e-300) * (power > 0.3 * middle(power))
    common = float(np.mean(shift[1:] * shift[:-1]))
    common = common if common > 2 * float(np.mean(shift**2)) / np.sqrt(parts) else 0.0
    design = slope[:, None] * edge.direction[near]
    u = clustered_u(design * left[:, None] @ np.linalg.pinv(design.T @ design), part)
    typical = np.sqrt(np.mean(edge.direction[near] ** 2, axis=0))
    return float(np.sqrt(common)), float(np.sqrt(((u * typical) ** 2).sum()))
