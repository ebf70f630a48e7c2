"""What a scan says, as readings: every quantity as a number or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from qa import cbct_quality_density
from qa.cbct_quality_contrast import LowContrast
from qa.cbct_quality_geometry import ROD_U_MM, Geometry
from qa.cbct_quality_measured import Parts
from qa.cbct_quality_resolution import LEVELS
from qa.cbct_quality_uniform import Uniform
from qa.ct_found import Found
from qa.ct_inserts import Insert, Line
from qa.ct_values import Maker
from qa.features.ct_ramps import Trace
from qa.features.number import Number, number
from qa.features.position import Array
from qa.reading import AnalysisError, NotMeasured, Quantity, Reading

WIDER_U, WIDER_PART = 2.0, 0.02  # times u and share: two ways to one frequency that differ by more widen it
STEP_U = 1e-4  # relative, of the slice distance: how evenly the positions of the files are kept


def nothing(quantities: Mapping[str, Quantity], at: Mapping[str, float | str], reason: str) -> tuple[Reading, ...]:
    """Every quantity with one reason."""
    return tuple(NotMeasured(quantity, reason, at) for quantity in quantities.values())


def readings(make: Maker, found: Found, parts: Parts) -> tuple[Reading, ...]:
    """All readings of a phantom that was found."""
    return (
        *_inserts(make, parts),
        *_density(make, parts),
        *_resolution(make, parts),
        *_uniform(make, parts.uniform),
        *_contrast(make, parts.contrast),
        *_geometry(make, parts.geometry),
        *_slices(make, found),
    )


def _answer(make: Maker, key: str, value: Number | AnalysisError, part: str = "", missing: str = "") -> Reading:
    if isinstance(value, AnalysisError):
        return make.missing(key, str(value), part)
    return make.measured(key, value, part, missing)


def _inserts(make: Maker, parts: Parts) -> Iterator[Reading]:
    if isinstance(parts.inserts, AnalysisError):
        yield from (make.missing(key, str(parts.inserts)) for key in ("cbct_hu", "cbct_hu_deviation"))
    else:
        yield from (_answer(make, "cbct_hu", insert.hu, insert.plug.name) for insert in parts.inserts)
        yield from (_deviation(make, insert) for insert in parts.inserts)
    line = parts.line
    for key, name in (("cbct_hu_slope", "slope"), ("cbct_hu_intercept", "intercept"), ("cbct_hu_residual_max", "largest")):
        if isinstance(line, AnalysisError):
            yield make.missing(key, str(line))
        else:
            yield make.measured(key, getattr(line, name), missing=line.missing if name == "largest" else "", flags=_whose(line, name))


def _whose(line: Line, name: str) -> tuple[str, ...]:
    return (f"of {line.name}",) if name == "largest" else ()


def _deviation(make: Maker, insert: Insert) -> Reading:
    key, name = "cbct_hu_deviation", insert.plug.name
    if isinstance(insert.hu, AnalysisError):
        return make.missing(key, str(insert.hu), name)
    if insert.nominal is None:
        return make.missing(key, f"any plug may be in hole {name}: what is in it, and its CT number, is not known", name)
    return make.measured(key, number(insert.hu.value - insert.nominal, insert.hu.budget, insert.hu.flags, insert.hu.u), name)


def _density(make: Maker, parts: Parts) -> Iterator[Reading]:
    key = "cbct_red_error"
    if isinstance(parts.inserts, AnalysisError) or isinstance(parts.curve, AnalysisError):
        why = parts.curve if isinstance(parts.curve, AnalysisError) else parts.inserts
        yield make.missing(key, str(why))
        return
    for name, value in cbct_quality_density.errors(parts.inserts, parts.curve).items():
        if isinstance(value, AnalysisError):
            yield make.missing(key, str(value), name)
        else:
            yield make.measured(key, value, name, flags=(f"by the {parts.curve.name}",))


def _resolution(make: Maker, parts: Parts) -> Iterator[Reading]:
    """Both ways; where they differ by more than their u, both are widened and say so."""
    for level in LEVELS:
        both: dict[str, Number | AnalysisError] = {}
        for way, part in (("edge", parts.edges), ("bars", parts.bars)):
            both[way] = part if isinstance(part, AnalysisError) else part.at[level]
        apart, widened = _apart(both)
        for way, value in both.items():
            key = f"cbct_mtf{level}_{way}"
            if isinstance(value, AnalysisError) or not apart:
                yield _answer(make, key, value)
            else:
                both_ways = number(value.value, {**value.budget, "edges against bars": widened}, value.flags, value.u)
                yield make.measured(key, both_ways, flags=(apart,))


def _apart(both: Mapping[str, Number | AnalysisError]) -> tuple[str, float]:
    """A caveat, and what it adds to u, where edges and bars differ: they see the system at other contrasts and in other places."""
    edge, bars = both["edge"], both["bars"]
    if isinstance(edge, AnalysisError) or isinstance(bars, AnalysisError):
        return "", 0.0
    apart, u = abs(edge.value - bars.value), float(np.hypot(edge.u, bars.u))
    if apart <= max(WIDER_U * u, WIDER_PART * edge.value):
        return "", 0.0
    both_said = f"edges give {edge.value:.3f} and bars {bars.value:.3f} per mm"
    return f"{both_said}: the resolution depends on where and at what contrast it is measured", (apart - WIDER_U * u) / float(np.sqrt(3))


def _uniform(make: Maker, found: Uniform | AnalysisError) -> Iterator[Reading]:
    single = ("cbct_uniformity_index", "cbct_non_uniformity", "cbct_uniform_hu", "cbct_noise")
    spectral = {"cbct_nps_noise": "noise", "cbct_nps_peak": "peak_per_mm"}
    if isinstance(found, AnalysisError):
        yield from (make.missing(key, str(found)) for key in (*single, *spectral, "cbct_nps_mean"))
        return
    yield make.measured("cbct_uniformity_index", found.index, flags=(f"of the region {found.index_at.lower()}",))
    yield make.measured("cbct_non_uniformity", found.non_uniformity)
    yield from (make.measured("cbct_uniform_hu", value, name) for name, value in found.regions.items())
    yield make.measured("cbct_noise", found.noise)
    yield _answer(make, "cbct_nps_mean", found.mean_frequency)
    for key, name in spectral.items():
        spectrum = found.spectrum
        yield make.missing(key, str(spectrum)) if isinstance(spectrum, AnalysisError) else make.measured(key, getattr(spectrum, name))


def _contrast(make: Maker, found: LowContrast | AnalysisError) -> Iterator[Reading]:
    keys = {"cbct_contrast": "contrast", "cbct_cnr": "cnr", "cbct_cnr_area": "area_cnr", "cbct_detectability": "d_prime"}
    for key, name in keys.items():
        if isinstance(found, AnalysisError):
            yield make.missing(key, str(found))
        else:
            yield from (_answer(make, key, getattr(target, name), target.disc.name) for target in found.targets)


def _geometry(make: Maker, found: Geometry | AnalysisError) -> Iterator[Reading]:
    groups = {"scale_": "scale", "shear_": "shear", "offset_": "offset", "": "turn"}
    names = {"scale_": "xyz", "shear_": ("xy", "xz", "yz"), "offset_": "xyz", "": ("roll", "pitch", "yaw")}
    for prefix, group in groups.items():
        for name in names[prefix]:
            yield _answer(make, f"cbct_{prefix}{name}", found if isinstance(found, AnalysisError) else getattr(found, group)[name])
    if isinstance(found, AnalysisError) or not found.distances:
        missing = found.missing if not isinstance(found, AnalysisError) and found.missing else "are in this phantom"
        why = str(found) if isinstance(found, AnalysisError) else f"no two rods whose distance is known {missing}"
        yield from (make.missing(key, why) for key in ("cbct_rod_distance", "cbct_rod_distance_error"))
        return
    yield from (make.measured("cbct_rod_distance", d.mm, d.name) for d in found.distances)
    worst = max(found.distances, key=lambda d: abs(d.mm.value - d.nominal_mm))
    budget = {**worst.mm.budget, "places of rods": ROD_U_MM * float(np.sqrt(2))}
    error = number(abs(worst.mm.value - worst.nominal_mm), budget)
    yield make.measured("cbct_rod_distance_error", error, missing=found.missing, flags=(f"{worst.name.lower()}",))


def _slices(make: Maker, found: Found) -> Iterator[Reading]:
    yield from _thickness(make, found)
    step = found.scan.slice_mm
    budget = {"evenness of the stack": STEP_U * step}
    yield make.value("cbct_slice_increment", step, budget)
    tag = found.scan.volume.tags.get("SliceThickness", "")
    try:
        yield make.value("cbct_slice_increment_error", step - float(tag), budget)
    except ValueError:
        yield make.missing("cbct_slice_increment_error", "the files state no SliceThickness to hold the distance of the slices against")


def _thickness(make: Maker, found: Found) -> Iterator[Reading]:
    key = "cbct_slice_thickness"
    traces = found.pose.traces
    if not traces:
        yield make.missing(key, f"the {found.model.name} has no wire ramps that are known")
    for name, trace in traces.items():
        if isinstance(trace, Trace):
            yield make.measured(key, thickness(trace, found.pose.matrix), name.capitalize())
        else:
            yield make.missing(key, trace, name.capitalize())


def thickness(trace: Trace, matrix: Array) -> Number:
    """The width of a wire's image across the slice, with the width from single slices as the second way."""
    stretch = float(np.linalg.norm(matrix[:, 0 if trace.ramp.along == "x" else 1]))
    tangent = stretch * float(np.tan(np.radians(trace.ramp.angle_deg)))
    value = trace.fwhm_mm * tangent
    noise = trace.u_fwhm_mm * tangent
    apart = abs(trace.second_mm * tangent - value)
    single = max(apart - 2 * noise - 0.05 * value, 0.0) / float(np.sqrt(3))
    return number(value, {"noise": noise, "interpolation": 0.01 * value, "single slices": single})
