"""The affine that maps couch readouts to true displacements, as far as the stops determine it, and what it leaves over.

Physics: docs/physics/couch_translation.md, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.couch_travel import Travel

Array = NDArray[np.float64]
AXES = "xyz"
WORDS = {"x": "x (lateral)", "y": "y (longitudinal)", "z": "z (vertical)"}
TRAVEL_MM = 1.0  # an axis moved by less is not tested: 0.02 mm of the ball would be 2 % of its scale
FAR = 3.0  # times the readout: the ball went, and the readout has another unit
ODD, ODD_U = 0.25, 3.0  # no couch is a quarter off: a scale further from 1 than both says that the readout is not what it seems


@dataclass(frozen=True)
class Affine:
    """Displacement = ``matrix`` (readout displacement) + constant, in F; columns that are not determined are those of identity.

    ``reasons`` say for every axis why its column is not determined, "" when it is. ``components`` are named parts of the (9, 9) covariance
    of the matrix by rows. ``residual_mm`` (stops, 3) is what it leaves over, zero where the stop is not known, ``residual_components``
    the parts of its variances; ``freedom`` how many stops more there are than needed. ``doubts`` say by axis why its readout is not what
    it seems.
    """

    matrix: Array
    reasons: tuple[str, str, str]
    components: Mapping[str, Array]
    residual_mm: Array
    residual_components: Mapping[str, Array]
    freedom: int
    doubts: tuple[str, ...]

    def u(self, row: int, column: int) -> dict[str, float]:
        """The budget of one element."""
        k = 3 * row + column
        return {name: float(np.sqrt(max(part[k, k], 0.0))) for name, part in self.components.items()}


def fit(travel: Travel) -> Affine:
    """Least squares over the known stops, with a constant: the first stop's noise then counts once."""
    known = np.array(travel.known, bool)
    readout = travel.readout_mm - travel.readout_mm[known].mean(axis=0) if known.any() else travel.readout_mm
    readout = readout * known[:, None]
    moving = [j for j in range(3) if known.any() and float(np.ptp(travel.readout_mm[known][:, j])) >= TRAVEL_MM]
    alone = {j: _alone(readout, j, [k for k in moving if k != j]) for j in moving}
    reasons = tuple(_reason(travel, known, j, alone.get(j)) for j in range(3))
    inverse = np.zeros((3, len(known)))
    if moving:
        inverse[moving] = np.linalg.pinv(readout[:, moving], rcond=1e-6)
    fitted = [j for j in range(3) if not reasons[j]]
    linear = np.zeros((9, 3 * len(known)))
    for row in range(3):
        for column in fitted:
            linear[3 * row + column, row::3] = inverse[column]
    error = travel.error_mm * known[:, None]
    matrix = np.eye(3) + (linear @ error.ravel()).reshape(3, 3)
    centred = np.diag(known.astype(float)) - np.outer(known, known) / max(known.sum(), 1)
    left = centred - readout @ inverse
    spread = np.kron(left, np.eye(3))
    parts = travel.error_components
    return Affine(
        matrix=matrix,
        reasons=(reasons[0], reasons[1], reasons[2]),
        components={name: linear @ part @ linear.T for name, part in parts.items()},
        residual_mm=left @ error,
        residual_components={name: np.diag(spread @ part @ spread.T).reshape(-1, 3) for name, part in parts.items()},
        freedom=int(known.sum()) - 1 - int(np.linalg.matrix_rank(readout[:, moving], tol=0.1)) if moving else 0,
        doubts=tuple(_doubt(matrix, parts, linear, j) for j in fitted),
    )


def _alone(readout: Array, axis: int, others: list[int]) -> float:
    """How far the couch moved along one axis that the others did not follow, mm."""
    rest = readout[:, axis]
    if others:
        basis = readout[:, others]
        rest = rest - basis @ (np.linalg.pinv(basis, rcond=1e-6) @ rest)
    return float(np.linalg.norm(rest) * np.sqrt(2.0))


def _reason(travel: Travel, known: NDArray[np.bool_], axis: int, alone: float | None) -> str:
    words = WORDS[AXES[axis]]
    if known.sum() < 2:
        return next((reason for reason in travel.reasons if reason), "fewer than two couch places")
    if alone is None:
        span, went = (float(np.ptp(place[known][:, axis])) for place in (travel.readout_mm, travel.moved_mm))
        if went > TRAVEL_MM and went > FAR * span:
            return f"along {words} the readout changed by only {span:.2f} mm and the ball went {went:.1f} mm: is the readout in cm?"
        return f"the couch was moved by only {span:.2f} mm along {words}: take images with it moved along this axis too"
    if alone < TRAVEL_MM:
        return f"along {words} the couch was moved only together with another axis: take images with it moved along this axis alone"
    return ""


def _doubt(matrix: Array, parts: Mapping[str, Array], linear: Array, axis: int) -> str:
    """Why the readout of an axis is not what it seems; "" when it is."""
    row, scale = linear[4 * axis], float(matrix[axis, axis])
    u = float(np.sqrt(sum((float(row @ part @ row) for part in parts.values()), 0.0)))
    if abs(scale - 1) <= max(ODD, ODD_U * u):
        return ""
    words = WORDS[AXES[axis]]
    known = {
        10.0: "the readout is in cm, not mm",
        0.1: "the readout is ten times too large: is its unit wrong?",
        -1.0: "the readout runs the other way: the vendor's sign, or the images of two places are swapped",
        0.0: "the ball did not move: the couch stood still, or the ball does not stand on it",
    }
    nearest = min(known, key=lambda value: abs(scale - value))
    what = known[nearest] if abs(scale - nearest) <= max(ODD * max(abs(nearest), 1.0), ODD_U * u) else "the readout is not the move"
    return f"along {words} the ball moved {scale:+.2f} mm for every mm read out: {what}"


def reliable(affine: Affine) -> str:
    """Why nothing of it may pass, in words; "" when all is as it should be."""
    return "; ".join(filter(None, affine.doubts))


def untested(affine: Affine) -> str:
    """Which axes the stops say nothing of, in words."""
    axes = [AXES[j] for j in range(3) if affine.reasons[j]]
    return f"the scale of {' and '.join(axes)} was not tested: {affine.reasons[AXES.index(axes[0])]}" if axes else ""
