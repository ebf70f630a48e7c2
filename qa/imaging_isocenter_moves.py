"""Sets of one system held against each other: how far the ball moved between them, and whether they contradict the couch readout.

Physics: docs/physics/imaging_isocenter.md, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qa import ball_position
from qa.ball_day import ImagingSet
from qa.couch_move import Move, couch_move
from qa.imaging_isocenter_values import Compared
from qa.imaging_isocenter_vectors import Coincidence, contradiction

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BallMove:
    """The ball's move between two sets, (3,) mm in F, named parts of its covariance, and the couch readout's, None where there is none."""

    vector_mm: Array
    components: dict[str, Array]
    readout: Move | None
    missing: str

    @property
    def u_mm(self) -> Array:
        """Standard uncertainties (3,) of the move as seen."""
        return np.asarray(np.sqrt(np.diag(sum(self.components.values(), np.zeros((3, 3))))))


def ball_move(first: ImagingSet, last: ImagingSet) -> BallMove | str:
    """By images at the same gantry angles of both sets, so that the imager's sag drops out; or what is missing."""
    moved = ball_position.between(first.images, last.images)
    if isinstance(moved, str):
        return moved
    vector, parts = moved
    known = first.couch_mm is not None and last.couch_mm is not None
    readout = couch_move(first.couch_mm, last.couch_mm, last.couch_deg) if known and first.couch_mm and last.couch_mm else None
    return BallMove(vector, parts, readout, "; ".join(filter(None, (first.missing, last.missing))))


def contradictions(compared: Sequence[Compared]) -> dict[str, str]:
    """Names of sets that contradict another set of their system, with the reason: the ball, a readout or an angle is not what it seems."""
    reasons: dict[str, str] = {}
    for one, other in combinations(compared, 2):
        if one.item.kind != other.item.kind or one.item.kind == "mv":
            continue
        apart = _kv_apart(one, other) if one.item.kind == "kv" else _volumes_apart(one, other)
        if apart is not None and contradiction(*apart):
            reason = (
                f"{one.item.name} and {other.item.name} contradict each other by {float(np.abs(apart[0]).max()):.2f} mm: the ball was "
                "moved, or a couch readout or an angle is wrong; image again, and ask the physicist if it stays"
            )
            reasons |= {one.item.name: reason, other.item.name: reason}
    return reasons


def _kv_apart(one: Compared, other: Compared) -> tuple[Array, Array] | None:
    moved = ball_move(one.item, other.item)
    if isinstance(moved, str) or moved.readout is None:
        return None
    return moved.vector_mm - moved.readout.vector_mm, np.hypot(moved.u_mm, moved.readout.u_mm)


def _volumes_apart(one: Compared, other: Compared) -> tuple[Array, Array] | None:
    if not isinstance(one.vector, Coincidence) or not isinstance(other.vector, Coincidence):
        return None
    both = one.vector.covariance + other.vector.covariance
    return one.vector.vector_mm - other.vector.vector_mm, np.asarray(np.sqrt(np.diag(both)))
