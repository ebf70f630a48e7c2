"""What a calibration of the couch readout says, as readings; the sections are those of docs/physics/couch_readout.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from qa.couch_affine import AXES, Affine, fit
from qa.couch_travel import Travel
from qa.couch_values import Found, Maker, residual
from qa.reading import NotMeasured, Quantity, Reading


def readings(quantities: Mapping[str, Quantity], travels: Sequence[Travel]) -> list[Reading]:
    """The affine of every imaging system by its elements, and what it leaves over; images that were not used are named."""
    found: list[Reading] = []
    for travel in travels:
        make = Maker(quantities, travel, fit(travel))
        found += [_element(make, row, column) for row, column in product(range(3), repeat=2)]
        found.append(make.number("couch_readout_residual", _largest(make), make.at))
        found += [
            NotMeasured(quantities["couch_readout_residual"], f"{item.name}: {reason}", item.at) for item, reason in travel.stops.unseen
        ]
    return found or [NotMeasured(quantity, "no images with a couch readout at several places") for quantity in quantities.values()]


def _element(make: Maker, row: int, column: int) -> Reading:
    """One element with the range of readouts that it holds for, and its covariances with all nine."""
    affine, key = make.affine, f"couch_gain_{AXES[row]}{AXES[column]}"
    if affine.reasons[column]:
        return make.number(key, affine.reasons[column], make.at)
    low, high = reach(make.travel, column)
    shared = np.sum(list(affine.components.values()), axis=0)[3 * row + column]
    names = [f"covariance_{a}{b}" for a, b in product(AXES, repeat=2)]
    stood = {"couch_deg": make.travel.stops.couch_deg}
    at = {**make.at, **stood, "from_mm": low, "to_mm": high, **{name: float(value) for name, value in zip(names, shared, strict=True)}}
    return make.number(key, Found(float(affine.matrix[row, column]), affine.u(row, column)), at)


def reach(travel: Travel, axis: int) -> tuple[float, float]:
    """From where to where the couch stood along an axis, by its readout in F."""
    places = [float(stop.readout_mm[axis]) for stop, known in zip(travel.stops.stops, travel.known, strict=True) if known]
    return min(places), max(places)


def _largest(make: Maker) -> Found | str:
    """The largest residual of the axes that are determined."""
    affine: Affine = make.affine
    found = [residual(affine, k) for k in range(3) if not affine.reasons[k]]
    numbers = [one for one in found if isinstance(one, Found)]
    if numbers:
        return max(numbers, key=lambda one: one.value)
    return next((one for one in found if isinstance(one, str)), affine.reasons[0])
