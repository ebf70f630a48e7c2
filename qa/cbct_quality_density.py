"""Electron densities of the inserts by the calibration in force, against those of their materials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from phantoms.models import materials
from qa.acquisition import Acquisition, Calibration
from qa.ct_inserts import Insert
from qa.features.number import Number, number
from qa.reading import AnalysisError, Measured

PROVIDES = "CT number to density"
HU_KEY, DENSITY_KEY = "hu_curve_hu", "hu_curve_red"  # the points of the curve: CT number and relative electron density by part
DENSITY_U = 0.005  # relative, of a material's electron density: plastics vary between batches


@dataclass(frozen=True)
class Curve:
    """A calibration's points, ascending, and which record it is from."""

    hu: tuple[float, ...]
    density: tuple[float, ...]
    u_density: tuple[float, ...]
    name: str


def in_force(acquisition: Acquisition) -> Curve:
    """The calibration of CT numbers to density. AnalysisError when there is none, or its points cannot be used."""
    found = [c for c in acquisition.calibrations if c.provides == PROVIDES]
    if not found:
        raise AnalysisError("no HU calibration in force: run hu_calibration and accept its record")
    newest = max(found, key=lambda c: c.taken)
    points = sorted(_points(newest))
    if len(points) < 2 or any(b[0] <= a[0] for a, b in pairwise(points)):
        raise AnalysisError("the HU calibration in force holds no curve that rises with the CT number: take a new one")
    hu, density, u = zip(*points, strict=True)
    name = f"HU calibration of {newest.taken:%Y-%m-%d}, record {newest.record_id}, valid until {newest.expires:%Y-%m-%d}"
    return Curve(hu, density, u, name)


def _points(calibration: Calibration) -> Iterator[tuple[float, float, float]]:
    """(CT number, density, its u) of the points that have both."""
    by_part: dict[str, dict[str, Measured]] = {}
    for reading in calibration.readings:
        if isinstance(reading, Measured) and reading.quantity.key in (HU_KEY, DENSITY_KEY):
            by_part.setdefault(str(reading.at.get("part", "")), {})[reading.quantity.key] = reading
    for pair in by_part.values():
        if len(pair) == 2:
            yield pair[HU_KEY].value, pair[DENSITY_KEY].value, pair[DENSITY_KEY].u


def errors(inserts: Sequence[Insert], curve: Curve) -> dict[str, Number | AnalysisError]:
    """Density by the curve minus the material's, for each insert of a known material."""
    result: dict[str, Number | AnalysisError] = {}
    known = materials()
    x, y, u_y = (np.array(values) for values in (curve.hu, curve.density, curve.u_density))
    for insert in inserts:
        material = known.get(insert.plug.material)
        if isinstance(insert.hu, AnalysisError):
            result[insert.plug.name] = insert.hu
        elif material is None:
            result[insert.plug.name] = AnalysisError(f"what {insert.plug.name} is made of is not known")
        elif not x[0] <= insert.hu.value <= x[-1]:
            result[insert.plug.name] = AnalysisError(f"{insert.hu.value:.0f} HU lies outside the calibration, {x[0]:.0f} to {x[-1]:.0f} HU")
        else:
            value = float(np.interp(insert.hu.value, x, y))
            part = min(int(np.searchsorted(x, insert.hu.value, side="right")), len(x) - 1)
            slope = float((y[part] - y[part - 1]) / (x[part] - x[part - 1]))
            budget = {
                "CT number": abs(slope) * insert.hu.u,
                "calibration": float(np.interp(insert.hu.value, x, u_y)),
                "material": DENSITY_U * material.relative_electron_density,
            }
            result[insert.plug.name] = number(value - material.relative_electron_density, budget, least_u=1e-6)
    return result
