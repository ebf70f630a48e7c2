"""Vectors and lengths in mm as readings, with their budgets: docs/physics/imaging_isocenter.md, sections 3 and 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qa.reading import Measured, Quantity, Reading
from qa.rotation import length

Array = NDArray[np.float64]
Quantities = Mapping[str, Quantity]
State = dict[str, float | str]


def xyz(
    quantities: Quantities,
    keys: Sequence[str],
    point: Array,
    components: Mapping[str, Array],
    at: State,
    flags: tuple[str, ...],
    missing: str,
) -> list[Reading]:
    """The readings of three coordinates, each with its named components; ``components`` are (3, 3) mm^2."""
    parts = {name: np.sqrt(np.maximum(np.diag(part), 0.0)) for name, part in components.items()}
    total = np.sqrt(sum((part**2 for part in parts.values()), np.zeros(3)))
    return [
        Measured(quantities[key], float(point[k]), float(total[k]), at, {n: float(p[k]) for n, p in parts.items()}, flags, missing=missing)
        for k, key in enumerate(keys)
    ]


def distance(
    quantity: Quantity, vector: Array, components: Mapping[str, Array], at: State, flags: tuple[str, ...], missing: str
) -> Measured:
    """The length of a vector without the noise's share; the budget is split like the mean variance."""
    covariance = sum(components.values(), np.zeros((len(vector), len(vector))))
    value, u = length(vector, np.asarray(covariance))
    total = float(np.trace(covariance))
    budget = {name: u * float(np.sqrt(np.trace(part) / total)) for name, part in components.items()}
    return Measured(quantity, value, u, at, budget, flags, missing=missing)
