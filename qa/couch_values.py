"""Readings of couch moves: every number with its imaging system, its stop and what keeps it from passing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qa.couch_affine import AXES, Affine, reliable
from qa.couch_travel import Travel
from qa.reading import Measured, NotMeasured, Quantity, Reading

FREE = "as many stops as the straight lines need, so they fit whatever the couch did: take images at more couch places"


@dataclass(frozen=True)
class Found:
    """A value with its budget."""

    value: float
    budget: dict[str, float]


@dataclass(frozen=True)
class Maker:
    """Makes the readings of one imaging system."""

    quantities: Mapping[str, Quantity]
    travel: Travel
    affine: Affine

    @property
    def at(self) -> dict[str, float | str]:
        """The state of what is said of the whole."""
        return {"radiation": self.travel.stops.kind, "set": self.travel.stops.kind}

    def of_stop(self, stop: int) -> dict[str, float | str]:
        """The state of one stop."""
        readout = {f"readout_{axis}_mm": float(self.travel.readout_mm[stop, k]) for k, axis in enumerate(AXES)}
        return {**self.at, "part": f"stop {stop + 1}", **readout}

    @property
    def missing(self) -> str:
        """What keeps everything here from passing."""
        lost = [f"stop {k + 1}" for k, known in enumerate(self.travel.known) if not known]
        unknown = f"not measured: {', '.join(lost)}" if lost and any(self.travel.known) else ""
        return "; ".join(filter(None, (self.travel.stops.missing, unknown, reliable(self.affine))))

    def number(self, key: str, found: Found | str, at: Mapping[str, float | str], more: str = "") -> Reading:
        """A value, or its reason."""
        if isinstance(found, str):
            return NotMeasured(self.quantities[key], found, at)
        u = float(np.sqrt(sum(part**2 for part in found.budget.values())))
        missing = "; ".join(filter(None, (self.missing, more)))
        return Measured(self.quantities[key], found.value, u, at, found.budget, self.flags, missing=missing)

    @property
    def flags(self) -> tuple[str, ...]:
        """Caveats of the images."""
        seen = [ball for stop in self.travel.stops.stops for ball in stop.images]
        said = dict.fromkeys(flag for ball in seen for flag in ball.flags if flag.startswith(("the file", "no ball")))
        return (*self.travel.stops.flags, *said)


def residual(affine: Affine, axis: int) -> Found | str:
    """The largest distance of a stop from the line, along one axis; or why there is none."""
    if affine.freedom < 1:
        return FREE
    variance = np.sum(list(affine.residual_components.values()), axis=0)[:, axis]
    loose = variance > 1e-4 * variance.max()  # the line goes through a stop that it alone is drawn from
    stop = int((np.abs(affine.residual_mm[:, axis]) * loose).argmax())
    budget = {name: float(np.sqrt(max(part[stop, axis], 0.0))) for name, part in affine.residual_components.items()}
    return Found(abs(float(affine.residual_mm[stop, axis])), budget)
