"""A calibration of CT numbers as a curve: straight from knot to knot, and what it is worth in between and beyond.

The knots are the readings of a record that ``provides`` "CT number to density": under one ``part`` (the material) the CT number has the key
"hu_curve_hu", the electron density relative to water "hu_curve_red", the mass density "hu_curve_density", the proton stopping power
"hu_curve_spr". ``evaluate(knots(calibration.readings), hu)`` is all that a user of it needs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qa.reading import AnalysisError, Measured, Reading

HU_KEY, RED_KEY = "hu_curve_hu", "hu_curve_red"


@dataclass(frozen=True)
class Knot:
    """One material: CT number and value, with standard uncertainties."""

    name: str
    hu: float
    u_hu: float
    value: float
    u_value: float


@dataclass(frozen=True)
class Density:
    """A value of the curve with its standard uncertainty; ``beyond`` says that the CT number lies outside of the knots."""

    value: float
    u: float
    beyond: bool


def knots(readings: Iterable[Reading], key: str = RED_KEY) -> tuple[Knot, ...]:
    """The knots of a record's readings, by CT number. AnalysisError when there is no curve that does not fall."""
    both: dict[str, dict[str, Measured]] = {}
    for reading in readings:
        if isinstance(reading, Measured) and reading.quantity.key in (HU_KEY, key):
            both.setdefault(str(reading.at.get("part", "")), {})[reading.quantity.key] = reading
    pairs = [(name, pair[HU_KEY], pair[key]) for name, pair in both.items() if len(pair) == 2]
    found = tuple(sorted((Knot(n, hu.value, hu.u, v.value, v.u) for n, hu, v in pairs), key=lambda knot: knot.hu))
    falls = any(b.hu <= a.hu or b.value < a.value for a, b in pairwise(found))
    if len(found) < 2 or falls:
        raise AnalysisError("the calibration of CT numbers holds no curve that rises: take a new one")
    return found


def evaluate(curve: Sequence[Knot], hu: float, u_hu: float = 0.0) -> Density:
    """The value at a CT number that is known to ``u_hu``; beyond the ends the last piece goes on, ever less certain.

    u holds the two knots' values and CT numbers in proportion to their share in the value.
    """
    k = min(max(bisect_right([knot.hu for knot in curve], hu), 1), len(curve) - 1)
    low, high = curve[k - 1], curve[k]
    share = (hu - low.hu) / (high.hu - low.hu)
    slope = (high.value - low.value) / (high.hu - low.hu)
    parts = (
        slope * u_hu,
        (1 - share) * low.u_value,
        share * high.u_value,
        (1 - share) * slope * low.u_hu,
        share * slope * high.u_hu,
    )
    u = sum(part * part for part in parts) ** 0.5
    return Density(low.value + share * (high.value - low.value), u, not curve[0].hu <= hu <= curve[-1].hu)
