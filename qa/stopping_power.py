"""Stopping power for protons relative to water, from electron density and what a material is made of (Bethe, without small corrections).

See docs/physics/hu_calibration.md, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from phantoms.models import materials
from phantoms.models.elements import elements
from qa.reading import AnalysisError

PROTON_MEV, REST_MEV, ELECTRON_EV = 100.0, 938.272, 510_999.0  # the ratio moves by 0.2 % between 50 and 200 MeV, most for bone
EXCITATION_U = 0.05  # relative, of a mixture's mean excitation energy by the additivity rule against measured ones


def excitation_ev(fractions: Mapping[str, float]) -> float:
    """Mean excitation energy of a mixture of elements by mass: their logarithms weighted by electrons (Bragg). AnalysisError for others."""
    known = elements()
    if not fractions or set(fractions) - set(known):
        raise AnalysisError(f"no excitation energy is known of {', '.join(sorted(set(fractions) - set(known))) or 'nothing'}")
    electrons = {symbol: part * known[symbol].number / known[symbol].weight for symbol, part in fractions.items()}
    return math.exp(sum(n * math.log(known[symbol].excitation_ev) for symbol, n in electrons.items()) / sum(electrons.values()))


def relative(electron_density: float, fractions: Mapping[str, float]) -> tuple[float, float]:
    """(stopping power relative to water, its standard uncertainty from the excitation energies alone)."""
    number = _stopping_number(excitation_ev(fractions))
    ratio = electron_density * number / _stopping_number(excitation_ev(materials()["water"].elements))
    return ratio, ratio * EXCITATION_U / number


def _stopping_number(energy_ev: float) -> float:
    """ln(2 m c^2 beta^2 gamma^2 / I) - beta^2 of a proton."""
    gamma = 1 + PROTON_MEV / REST_MEV
    beta2 = 1 - 1 / gamma**2
    return math.log(2 * ELECTRON_EV * beta2 * gamma**2 / energy_ev) - beta2
