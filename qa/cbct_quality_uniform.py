"""The uniform module: how even it is, how strong the noise is, and its spectrum, over all slices that lie in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantoms.models import Module
from qa.ct_found import Found, disc_mask
from qa.features import roi, uniformity
from qa.features.ct_scan import View
from qa.features.nps import Nps, noise_power
from qa.features.number import Number, number
from qa.features.position import Array
from qa.reading import AnalysisError

AT_MM, RADIUS_MM = 53.0, 10.0  # from the axis to the regions near the rim, and their radius, for a module of 150 mm; others in proportion
PLACES = {"Centre": (0.0, 0.0), "Top": (0.0, 1.0), "Right": (1.0, 0.0), "Bottom": (0.0, -1.0), "Left": (-1.0, 0.0)}
SIDE_MM, RING_MM, AROUND = 40.0, 44.0, 4  # regions of the noise spectrum: one in the middle and four around it, which do not overlap
MODULE_MM = 150.0
WIDTH = 0.003  # of the mean frequency: what squares of 40 mm leave of it in drawings
MOST_SLICES = 16  # more add time and little: noise of neighbouring slices is correlated
STEP_HU = 1.0


@dataclass(frozen=True)
class Uniform:
    """What the uniform module shows: regions by name, index and non-uniformity, noise, its spectrum or why there is none."""

    module: Module
    slices: tuple[int, ...]
    view: View
    places: dict[str, tuple[float, float]]
    radius_mm: float
    regions: dict[str, Number]
    index: Number
    index_at: str
    non_uniformity: Number
    noise: Number
    spectrum: Nps | AnalysisError
    mean_frequency: Number | AnalysisError
    squares: tuple[tuple[float, float, float], ...]
    independent: float  # slices


def measure(found: Found) -> Uniform:
    """The uniform module. AnalysisError when the model has none or the scan does not show it."""
    module = next((m for m in found.model.modules if m.uniform), None)
    if module is None:
        raise AnalysisError(f"the {found.model.name} has no uniform module")
    slices = found.slices(module)
    slices = slices[:: max(len(slices) // MOST_SLICES, 1)]
    view = found.view(slices)
    size = min(module.diameter_mm, MODULE_MM) / MODULE_MM
    radius, places = RADIUS_MM * size, {}
    for name, (x, z) in PLACES.items():
        places[name] = found.at(AT_MM * size * x, module.y_mm, AT_MM * size * z, slices)
    squares = _squares(found, module, slices, size)
    regions = [[_square(found.single(k), a, b, SIDE_MM * size) for a, b, _ in squares] for k in slices]
    independent = _independent(regions)
    shape = tuple(int(v) // 2 * 2 for v in np.min([r.shape for row in regions for r in row], axis=0))  # even: up to the Nyquist frequency
    cut = [r[: shape[0], : shape[1]] for row in regions for r in row]
    try:
        spectrum: Nps | AnalysisError = noise_power(cut, view.pitch_mm, independent=max(independent * len(squares), 1.0))
    except AnalysisError as error:
        spectrum = error
    held = independent * len(squares)
    mean_frequency = spectrum if isinstance(spectrum, AnalysisError) else _mean_frequency(spectrum, held)
    means = {name: _mean(view, place, radius, len(slices)) for name, place in places.items()}
    index, where = uniformity.uniformity_index(means["Centre"], {n: v for n, v in means.items() if n != "Centre"})
    inu = uniformity.integral_non_uniformity(means)
    noise = _noise(found, slices, places, radius, independent)
    numbers = index, where, inu, noise, spectrum, mean_frequency
    return Uniform(module, tuple(slices), view, places, radius, means, *numbers, squares, independent)


def _squares(found: Found, module: Module, slices: list[int], size: float) -> tuple[tuple[float, float, float], ...]:
    """(a, b, side) of the squares of the noise spectrum."""
    turn = np.arange(AROUND) * 2 * np.pi / AROUND
    around = [(RING_MM * size * np.cos(t), RING_MM * size * np.sin(t)) for t in turn]
    a, b = found.at(0.0, module.y_mm, 0.0, slices)
    return tuple((a + float(x), b + float(z), SIDE_MM * size) for x, z in [(0.0, 0.0), *around])


def _square(view: View, a: float, b: float, side: float) -> Array:
    """The voxels of a square."""
    near = view.near(a, b, side / 2)
    return near.pixels.astype(np.float64)


def _independent(regions: list[list[Array]]) -> float:
    """How many slices count as independent for a variance: noise of neighbours in the stack is correlated."""
    count = len(regions)
    if count < 3:
        return float(count)
    middle = np.array([row[0] - row[0].mean() for row in regions])
    middle = middle - middle.mean(axis=0)
    variance = float((middle**2).mean())
    if variance <= 0:
        return float(count)
    total = 1.0
    for lag in range(1, min(count, 5)):
        rho = float((middle[lag:] * middle[:-lag]).mean()) / variance + 1 / count  # the mean that was taken out gives -1/n
        if rho < 0.1:
            break
        total += 2 * rho**2 * (1 - lag / count)
    return count / total


def _mean_frequency(spectrum: Nps, regions: float) -> Number:
    """The mean of |f| over the plane up to the Nyquist frequency, weighted with the power there."""
    f = np.hypot(spectrum.u_per_mm[None, :], spectrum.v_per_mm[:, None])
    use = (f > 0) & (f <= min(-spectrum.u_per_mm[0], -spectrum.v_per_mm[0]))
    power, f = spectrum.power[use], f[use]
    mean = float((f * power).sum() / power.sum())
    noise = float(np.sqrt(2 * (((f - mean) * power) ** 2).sum() / max(regions, 1.0)) / power.sum())  # a value and its mirror image are one
    return number(mean, {"noise": noise, "width of the regions": WIDTH * mean})


def _mean(view: View, place: tuple[float, float], radius: float, slices: int) -> Number:
    near, inside = disc_mask(view, *place, radius)
    return roi.region(near.values, inside, step=STEP_HU / np.sqrt(slices)).mean


def _noise(found: Found, slices: list[int], places: dict[str, tuple[float, float]], radius: float, independent: float) -> Number:
    """The standard deviation about a plane within single slices, over all regions and slices; its u from their scatter and their number."""
    each = []
    for k in slices:
        view = found.single(k)
        for place in places.values():
            near, inside = disc_mask(view, *place, radius)
            each.append(roi.region(near.values, inside, step=STEP_HU).noise)
    variances = np.array([n.value**2 for n in each])
    noise = float(np.sqrt(variances.mean()))
    few = float(np.mean([n.budget["few pixels"] for n in each])) / np.sqrt(len(places) * independent)
    return number(noise, {"few voxels": few, "plane taken out": noise * 0.005}, least_u=1e-3)
