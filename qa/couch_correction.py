"""True couch moves from readouts by a calibration of the couch readout that a protocol applies.

Physics: docs/physics/couch_readout.md, section 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from qa import frames
from qa.acquisition import Calibration
from qa.angles import same
from qa.couch_move import COUCH_GAIN, COUCH_MM, COUCH_RESOLUTION_MM, Couch, Move, couch_move
from qa.reading import AnalysisError, Measured

Array = NDArray[np.float64]
PROVIDES = "couch readout to displacement"
SETS = ("MV", "kV", "CBCT")  # whose matrix counts: the first there is, because the beam's own images show where a patient is treated
ELEMENTS = tuple(a + b for a, b in product("xyz", repeat=2))
GAINS = {f"couch_gain_{element}": element for element in ELEMENTS}
RESIDUAL = "couch_readout_residual"
AGREE = 4.0  # times u: matrices that imaging systems give of one couch
STILL_MM = 0.05  # an axis may be without calibration when the couch moved less along it
ROOM_MM = 1.0  # so far beyond the range that was calibrated the couch may stand
AGAIN = "calibrate the couch readout again, with the couch moved along all three axes, and accept the record"


@dataclass(frozen=True)
class Correction:
    """A calibration of the couch readout: true displacement = ``matrix`` (readout displacement), in F.

    ``covariance`` (9, 9) is that of the matrix by rows; ``known`` says which axes were calibrated and ``low`` and ``high`` (3,) from
    where to where (mm, readouts in F), at the couch angle ``couch_deg``. ``residual_mm`` is what the matrix left over at most along one
    axis, None where that is not known. ``name`` says which record it is.
    """

    matrix: Array
    covariance: Array
    known: tuple[bool, bool, bool]
    low: Array
    high: Array
    couch_deg: float
    residual_mm: float | None
    name: str

    def displacement(self, start: Couch, end: Couch, couch_deg: float) -> tuple[Array, Array]:
        """The true move (3,) in F from one readout (lateral, longitudinal, vertical) to another, mm, and its covariance (3, 3).

        The covariance is that of the calibration alone. AnalysisError where the calibration says nothing of the move.
        """
        if not same(couch_deg, self.couch_deg):
            raise AnalysisError(f"{self.name} is for the couch at {self.couch_deg:.1f} degrees, and it stood at {couch_deg:.1f}")
        turn = frames.couch_turn(couch_deg)
        places = np.array([start, end], float) @ turn.T
        moved = places[1] - places[0]
        for k, axis in enumerate("xyz"):
            if not self.known[k] and abs(moved[k]) > STILL_MM:
                raise AnalysisError(f"{self.name} says nothing of moves along {axis}, and the couch moved by {moved[k]:.2f} mm: {AGAIN}")
            beyond = max(self.low[k] - places[:, k].min(), places[:, k].max() - self.high[k])
            if self.known[k] and abs(moved[k]) > STILL_MM and beyond > ROOM_MM:
                raise AnalysisError(
                    f"{self.name} is for readouts from {self.low[k]:.1f} to {self.high[k]:.1f} mm along {axis}, and the couch stood "
                    f"{beyond:.1f} mm beyond: calibrate it over the range that is used"
                )
        slopes = np.kron(np.eye(3), moved)
        return self.matrix @ moved, slopes @ self.covariance @ slopes.T


def moved(correction: Correction | None, start: Couch, end: Couch, couch_deg: float) -> Move | str:
    """How far the couch went, by corrected readouts where there is a correction; or why the correction says nothing of it."""
    bare = couch_move(start, end, couch_deg)
    if correction is None:
        return bare
    try:
        vector, covariance = correction.displacement(start, end, couch_deg)
    except AnalysisError as error:
        return str(error)
    apart = np.abs(bare.vector_mm)
    left = COUCH_GAIN * apart if correction.residual_mm is None else np.full(3, correction.residual_mm / np.sqrt(3.0))
    u = np.sqrt(np.minimum(apart, COUCH_MM) ** 2 + left**2 + np.diag(covariance) + COUCH_RESOLUTION_MM**2)
    return Move(vector, u, said=f"couch readouts corrected by {correction.name.removesuffix(',')}")


def applied(calibrations: Iterable[Calibration]) -> Correction | None:
    """The calibration of the couch readout among those that an acquisition was handed; None when there is none.

    AnalysisError when it cannot be used: elements are missing, or imaging systems contradict each other.
    """
    found = [one for one in calibrations if one.provides == PROVIDES]
    if not found:
        return None
    newest = max(found, key=lambda one: one.taken)
    name = f"the couch readout's calibration of {newest.taken:%Y-%m-%d}, record {newest.record_id},"
    sets = [_of_set(_elements(newest, kind), _residual(newest, kind), name) for kind in SETS if _elements(newest, kind)]
    if not sets:
        raise AnalysisError(f"{name} holds no matrix: {AGAIN}")
    _agree(sets)
    return sets[0]


def _elements(calibration: Calibration, kind: str) -> dict[str, Measured]:
    """The elements of one imaging system's matrix by row and column."""
    return {
        GAINS[r.quantity.key]: r
        for r in calibration.readings
        if isinstance(r, Measured) and r.quantity.key in GAINS and r.at.get("set") == kind
    }


def _residual(calibration: Calibration, kind: str) -> float | None:
    """What one imaging system's matrix left over, None where that was not measured."""
    found = (r for r in calibration.readings if isinstance(r, Measured) and r.quantity.key == RESIDUAL and r.at.get("set") == kind)
    return next((reading.value for reading in found), None)


def _of_set(elements: dict[str, Measured], residual_mm: float | None, name: str) -> Correction:
    """The correction of one imaging system. Columns that were not calibrated are those of identity, with no covariance of their own."""
    known = tuple(all(row + column in elements for row in "xyz") for column in "xyz")
    doubts = dict.fromkeys(filter(None, (one.missing for one in elements.values())))
    if doubts:
        raise AnalysisError(f"{name} cannot be used: {'; '.join(doubts)}")
    if not any(known):
        raise AnalysisError(f"{name} holds no whole column: {AGAIN}")
    matrix, covariance = np.eye(3), np.zeros((9, 9))
    low, high = np.zeros(3), np.zeros(3)
    for place, element in enumerate(ELEMENTS):
        if not known[place % 3]:
            continue
        one = elements[element]
        matrix[divmod(place, 3)] = one.value
        low[place % 3], high[place % 3] = _state(one, "from_mm", name), _state(one, "to_mm", name)
        covariance[place] = [_state(one, f"covariance_{other}", name) if known[k % 3] else 0.0 for k, other in enumerate(ELEMENTS)]
    couch_deg = _state(next(iter(elements.values())), "couch_deg", name)
    return Correction(matrix, covariance, (known[0], known[1], known[2]), low, high, couch_deg, residual_mm, name)


def _state(element: Measured, key: str, name: str) -> float:
    """A number that goes with an element. AnalysisError when an older record does not hold it."""
    value = element.at.get(key)
    if not isinstance(value, int | float):
        raise AnalysisError(f"{name} does not say {key} of {element.quantity.key}: {AGAIN}")
    return float(value)


def _agree(sets: Sequence[Correction]) -> None:
    """AnalysisError when the imaging systems contradict each other about one couch."""
    for one, other in combinations(sets, 2):
        both = np.tile([a and b for a, b in zip(one.known, other.known, strict=True)], 3)
        apart = np.abs(one.matrix - other.matrix).ravel()
        u = np.sqrt(np.diag(one.covariance) + np.diag(other.covariance))
        if bool((both & (apart > AGREE * u)).any()):
            raise AnalysisError(f"{one.name} cannot be used: the imaging systems give different matrices of the couch; {AGAIN}")
