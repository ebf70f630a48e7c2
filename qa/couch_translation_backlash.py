"""Places that the couch came to from both sides: what it depends on where it came from.

Physics: docs/physics/couch_translation.md, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.couch_travel import Travel, budget
from qa.couch_values import Found
from qa.grouping import SAME_PLACE_MM
from qa.rotation import length

Array = NDArray[np.float64]
UNTIMED = "the files do not say when they were taken, so nobody knows from where the couch came: export them with date and time"
ONE_SIDE = "the couch came to no place from both sides along {}: come back to a place from beyond it"


@dataclass(frozen=True)
class Pair:
    """Two stops at one place, ``below`` approached with a growing readout along ``axis``, ``above`` with a falling one."""

    below: int
    above: int
    axis: int


def pairs(travel: Travel) -> list[Pair]:
    """All pairs of known stops at one place that differ in the side they were come to from."""
    stops = travel.stops.stops
    steps = np.diff([stop.readout_mm for stop in stops], axis=0, prepend=stops[0].readout_mm[None]) if stops else np.zeros((0, 3))
    found = []
    for below in range(len(stops)):
        for above in range(len(stops)):
            if stops[below].place != stops[above].place or not (travel.known[below] and travel.known[above]):
                continue
            found += [Pair(below, above, a) for a in range(3) if steps[below, a] > SAME_PLACE_MM and steps[above, a] < -SAME_PLACE_MM]
    return found


def backlash(travel: Travel, axis: int, words: str) -> Found | str:
    """Come from below minus come from above along one axis, readouts taken out, the mean of all pairs; or why there is none."""
    if not travel.stops.timed:
        return UNTIMED
    chosen = [pair for pair in pairs(travel) if pair.axis == axis]
    if not chosen:
        return ONE_SIDE.format(words)
    row = np.zeros(3 * len(travel.known))
    for pair in chosen:
        row[3 * pair.below + axis] += 1 / len(chosen)
        row[3 * pair.above + axis] -= 1 / len(chosen)
    return Found(float(row @ travel.error_mm.ravel()), budget(row, travel.error_components))


def hysteresis(travel: Travel) -> Found | str:
    """The largest distance in space between two stops at one place that were come to from opposite sides."""
    if not travel.stops.timed:
        return UNTIMED
    chosen = {(pair.below, pair.above) for pair in pairs(travel)}
    if not chosen:
        return ONE_SIDE.format("any axis")
    error = travel.error_mm
    below, above = max(sorted(chosen), key=lambda pair: float(np.linalg.norm(error[pair[0]] - error[pair[1]])))
    return distance(travel, error[below] - error[above], {below: 1.0, above: -1.0})


def distance(travel: Travel, vector: Array, weights: dict[int, float]) -> Found:
    """The length of a difference of stops, the noise's share taken out; the budget is split like the mean variance."""
    pick = np.zeros((3, 3 * len(travel.known)))
    for stop, weight in weights.items():
        pick[:, 3 * stop : 3 * stop + 3] = weight * np.eye(3)
    parts = {name: pick @ part @ pick.T for name, part in travel.error_components.items()}
    covariance = np.asarray(sum(parts.values(), np.zeros((3, 3))))
    value, u = length(vector, covariance)
    return Found(value, {name: u * float(np.sqrt(max(np.trace(part), 0.0) / np.trace(covariance))) for name, part in parts.items()})
