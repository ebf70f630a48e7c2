"""A number measured in an image, its standard uncertainty (k = 1) and what that is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from qa.features.position import Array


@dataclass(frozen=True)
class Number:
    """``value`` with ``u`` (same unit, k = 1), the named components of u in ``budget``, and caveats in ``flags``.

    Raises ValueError for numbers that are not finite and for u <= 0: such a thing was not measured.
    """

    value: float
    u: float
    budget: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is not a measurement, and freeze the budget."""
        if not all(math.isfinite(number) for number in (self.value, self.u, *self.budget.values())) or self.u <= 0:
            raise ValueError(f"a measured number needs finite values and u > 0, got {self.value}, u = {self.u}, {dict(self.budget)}")
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "u", float(self.u))
        object.__setattr__(self, "budget", MappingProxyType({k: float(v) for k, v in self.budget.items()}))


def number(value: float, budget: Mapping[str, float], flags: tuple[str, ...] = (), least_u: float = 0.0) -> Number:
    """A number whose u is the root of the summed squares of its budget, and never below ``least_u``.

    ``least_u`` is what stays unknown in an image without noise (a drawing, a constant): the last digit of what was computed.
    """
    u = math.sqrt(math.fsum(part * part for part in budget.values()))
    return Number(value, max(u, least_u, 1e-12 * abs(value), 1e-300), budget, flags)


def jackknife_u(replicates: Array) -> Array:
    """Standard uncertainty from estimates that each leave out one of G groups of like weight: (G, ...) to (...).

    Source: sqrt((G - 1)/G sum (x_g - mean)^2), the delete-one jackknife; times sqrt((G - 1)/(G - 3)), the standard deviation of Student's
    distribution (JCGM 101, 6.4.9), because few groups know their own scatter badly. Groups must have independent noise; G > 3.
    """
    count = len(replicates)
    deviation = replicates - replicates.mean(axis=0)
    return np.asarray(np.sqrt((count - 1) ** 2 / count / (count - 3) * (np.abs(deviation) ** 2).sum(axis=0)))
