"""Curves and tables of a scan of a phantom."""

from __future__ import annotations

import numpy as np

from qa.cbct_quality_measured import Parts
from qa.ct_found import Found
from qa.evidence import Bar, Bars, Curve, Evidence, Line, Series, Table
from qa.features.ct_recognise import Match, Recognition
from qa.features.number import Number
from qa.features.position import Array
from qa.reading import AnalysisError

EVERY = 2  # of a curve's points are drawn


def recognition(seen: Recognition, found: Found | None = None) -> Table:
    """Which models were held against the scan, how well they fit, and which way round."""
    rows = [_row(match) for match in (seen.matches or ((seen.runner_up,) if seen.runner_up else ()))]
    note = f"confidence {seen.confidence:.3f} against the runner-up" if seen.best else f"nothing recognised: {seen.reason}"
    if found is not None:
        note += "".join(f"; {flag}" for flag in found.flags)
    header = ("phantom", "inserts (1 = as predicted)", "line pairs", "roll / deg", "middle / mm", "unexplained", "which way round")
    return Table("Recognition of the phantom", header, tuple(rows), note)


def _row(match: Match) -> tuple[str, ...]:
    bars = "not in the scan" if match.bars is None else f"{match.bars:.2f}"
    numbers = f"{match.roll_deg:.0f}", f"{match.y_mm:.0f}", f"{match.cost:.2f}"
    return (match.model.name, f"{match.inserts:.3f}", bars, *numbers, match.way_round)


def curves(parts: Parts) -> list[Evidence]:
    """CT numbers against the certificate, MTF by both ways, and the noise power spectrum."""
    shown: list[Evidence] = []
    if not isinstance(parts.inserts, AnalysisError):
        items = []
        for insert in parts.inserts:
            low, high = (None, None) if insert.nominal is None else (insert.plug.hu_low, insert.plug.hu_high)
            if isinstance(insert.hu, AnalysisError):
                items.append(Bar(insert.plug.name, None, None, insert.nominal, low, high, str(insert.hu)))
            else:
                items.append(Bar(insert.plug.name, insert.hu.value, insert.hu.u, insert.nominal, low, high))
        note = "against the maker's nominal values and ranges"
        shown.append(Bars("CT numbers", "CT number / HU", tuple(items), "cbct_hu_deviation", note))
    series = _mtf(parts)
    if series:
        lines = tuple(Line("y", level / 100, f"{level} %") for level in (50, 30, 10))
        shown.append(Curve("Modulation transfer function", ("spatial frequency / (1/mm)", "MTF"), tuple(series), lines=lines))
    uniform = parts.uniform
    if not isinstance(uniform, AnalysisError) and not isinstance(uniform.spectrum, AnalysisError):
        s = uniform.spectrum
        line = Series("mean over all directions", _tuple(s.frequency_per_mm), _tuple(s.curve), "band", _tuple(s.curve_u))
        note = f"integral {s.integral:.2f} HU^2, variance {s.variance:.2f} HU^2, {s.regions} regions"
        shown.append(Curve("Noise power spectrum", ("spatial frequency / (1/mm)", "NPS / (HU^2 mm^2)"), (line,), note=note))
    return shown


def _tuple(values: Array) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _mtf(parts: Parts) -> list[Series]:
    series = []
    if not isinstance(parts.edges, AnalysisError):
        curve = parts.edges.curve
        end = int(np.argmax(curve.mtf < 0.02)) or len(curve.mtf)
        keep = slice(0, end, EVERY)
        frequency, mtf, u = (_tuple(values[keep]) for values in (curve.frequency_per_mm, curve.mtf, curve.u))
        series.append(Series("rim of an insert", frequency, mtf, "band", u))
    if not isinstance(parts.bars, AnalysisError):
        seen = [(group.frequency_per_mm, group.mtf, group.u) for group in parts.bars.groups if group.mtf is not None]
        if seen:
            series.append(Series("groups of bars", *_columns(seen)))
    return series


def _columns(seen: list[tuple[float, float, float]]) -> tuple[tuple[float, ...], tuple[float, ...], str, tuple[float, ...]]:
    return tuple(row[0] for row in seen), tuple(row[1] for row in seen), "points", tuple(row[2] for row in seen)


def tables(found: Found, parts: Parts) -> list[Evidence]:
    """Geometry with its second ways."""
    geometry = parts.geometry
    if isinstance(geometry, AnalysisError):
        return []
    rows: list[tuple[str, ...]] = []
    for distance in geometry.distances:
        rows.append((f"rods, {distance.name.lower()}", _value(distance.mm, "mm"), f"{distance.nominal_mm:.2f} mm", ""))
    for axis, value in geometry.scale.items():
        second = f"inserts: {geometry.second[axis]:+.2f} %" if axis in geometry.second else ""
        rows.append((f"scale error along {axis}", _value(value, "%"), "0 %", second))
    rows += [(f"shear {pair}", _value(value, "deg"), "0 deg", "") for pair, value in geometry.shear.items()]
    rows += [(name, _value(value, "deg"), "", "") for name, value in geometry.turn.items()]
    ends = found.pose.ends_mm
    for axis, value in geometry.offset.items():
        second = f"by the inserts' ends: {ends - found.pose.height_mm:+.2f} mm from this" if axis == "y" and ends is not None else ""
        rows.append((f"offset {axis}", _value(value, "mm"), "", second))
    return [Table("Geometry", ("what", "measured, U = 2u", "stated", "second way"), tuple(rows))]


def _value(value: Number | AnalysisError, unit: str) -> str:
    return str(value) if isinstance(value, AnalysisError) else f"{value.value:.3f} +- {2 * value.u:.3f} {unit}"
