"""Readings of one volume: every number with its state, every missing one with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from qa.features.number import Number
from qa.reading import Measured, NotMeasured, Quantity, Reading


@dataclass(frozen=True)
class Maker:
    """Makes readings of the quantities by key; ``at`` is the volume's state, ``flags`` caveats that belong to all.

    ``doubts`` says by key why a number must not pass a limit, though it is what was measured.
    """

    quantities: Mapping[str, Quantity]
    at: Mapping[str, float | str]
    flags: tuple[str, ...] = ()
    doubts: Mapping[str, str] = field(default_factory=dict)

    def measured(self, key: str, found: Number, part: str = "", missing: str = "", flags: tuple[str, ...] = ()) -> Reading:
        """The number as a reading."""
        all_flags = (*found.flags, *flags, *self.flags)
        absent = "; ".join(filter(None, (self.doubts.get(key, ""), missing)))
        return Measured(self.quantities[key], found.value, found.u, self._at(part), dict(found.budget), all_flags, missing=absent)

    def value(self, key: str, value: float, budget: Mapping[str, float]) -> Reading:
        """A reading of the whole whose u is the root of the summed squares of its budget."""
        u = math.sqrt(math.fsum(v * v for v in budget.values()))
        return Measured(self.quantities[key], value, max(u, 1e-9), self._at(""), budget, self.flags)

    def missing(self, key: str, reason: str, part: str = "") -> Reading:
        """Why there is no number."""
        return NotMeasured(self.quantities[key], reason, self._at(part))

    def _at(self, part: str) -> dict[str, float | str]:
        return {**self.at, "part": part} if part else dict(self.at)
