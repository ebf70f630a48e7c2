"""Winston-Lutz images measured together: the treatment isocentre, its size per axis, and the axes of collimator and couch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import isocentre
from qa.angles import SAME_DEG, Turned, distinct, same, shortage, turned
from qa.frames import angle_difference
from qa.isocentre import Meeting, Size
from qa.rotation import Turn, fit_turn, turning
from qa.shots import Shot

Array = NDArray[np.float64]
GANTRY = (4, 120.0)  # fewest angles and widest gap: four cardinals, or any set that sees every direction from within 60 degrees
COLLIMATOR = (3, 240.0)  # a circle needs three points; a third of a turn of them (300, 0, 60) fixes its centre
COUCH = (3, 240.0)  # couches turn through half a circle at most


@dataclass(frozen=True)
class Isocentre:
    """The treatment isocentre T from the beam axes at one couch angle.

    ``meeting`` minimises the largest distance, ``least_squares_mm`` stands beside it, both with covariance (3, 3) mm^2; all vectors in F
    (couch at ``couch_deg``) from the ball to T, mm. ``indices`` are the shots used; ``collimators_deg`` the collimator angles among them.
    """

    meeting: Meeting
    covariance: Array
    least_squares_mm: Array
    least_squares_covariance: Array
    indices: tuple[int, ...]
    couch_deg: float
    collimators_deg: tuple[float, ...]


@dataclass(frozen=True)
class Sphere:
    """The smallest sphere (or circle on the isocentre plane) of one set of axes, and the shots it is of."""

    meeting: Meeting
    size: Size
    indices: tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """The collimator's or couch's rotation axis: fitted circle, the shots it is of, and the gantry and couch angle they stood at."""

    turn: Turn
    indices: tuple[int, ...]
    gantry_deg: float
    couch_deg: float


def _stack(shots: Sequence[Shot], indices: Sequence[int], couch_deg: float) -> tuple[Array, Array, Array]:
    """Rows, field minus ball brought from the isocentre plane to the ball's height, and standard uncertainties, of some shots.

    The ball's height zg follows from the solution itself (Low et al.): two rounds settle it to nanometres.
    """
    chosen = [shots[k] for k in indices]
    gantry = np.array([s.image.gantry_deg for s in chosen])
    couch = np.array([angle_difference(s.image.couch_deg, couch_deg) for s in chosen])
    matrix, offsets = isocentre.rows(gantry, couch), -np.array([s.offset_mm for s in chosen])
    u = np.array([s.offset_u_mm for s in chosen])
    sad = np.array([s.image.sad_mm for s in chosen])
    factor = np.ones(len(chosen))
    for _ in range(2):
        point = isocentre.least_squares(matrix, offsets * factor[:, None])
        height = -isocentre.towards_source(gantry, couch) @ point  # the ball is at -p from the isocentre
        factor = (sad - height) / sad
    return matrix, offsets * factor[:, None], u * factor[:, None]


def gantry_set(shots: Sequence[Shot]) -> tuple[Turned, str]:
    """The shots in which only the gantry turns, and what is missing."""
    found = turned([s.image for s in shots], "gantry")
    return found, shortage("gantry", found.angles_deg, *GANTRY)


def treatment_isocentre(shots: Sequence[Shot], gantry: Turned) -> Isocentre:
    """T from all shots at the couch angle of the gantry set, whatever their collimator angle."""
    couch = gantry.others_deg[1]
    indices = tuple(k for k, s in enumerate(shots) if same(s.image.couch_deg, couch))
    matrix, offsets, u = _stack(shots, indices, couch)
    meeting = isocentre.smallest_sphere(matrix, offsets)
    design = matrix.reshape(-1, 3)
    inverse = np.linalg.pinv(design)
    return Isocentre(
        meeting=meeting,
        covariance=isocentre.centre_covariance(matrix, offsets, u) + np.eye(3) * meeting.gap_mm**2,
        least_squares_mm=isocentre.least_squares(matrix, offsets),
        least_squares_covariance=(inverse * u.ravel() ** 2) @ inverse.T,
        indices=indices,
        couch_deg=couch,
        collimators_deg=distinct([shots[k].image.collimator_deg for k in indices]),
    )


def sphere(shots: Sequence[Shot], indices: tuple[int, ...], couch_deg: float) -> Sphere:
    """The smallest sphere that the beam axes of some shots touch, as the couch (the patient) sees them."""
    matrix, offsets, u = _stack(shots, indices, couch_deg)
    meeting = isocentre.smallest_sphere(matrix, offsets)
    return Sphere(meeting, isocentre.size(matrix, offsets, u, meeting), indices)


def circle(shots: Sequence[Shot], found: Turned, axis: str) -> Sphere:
    """The smallest circle on the isocentre plane that the axes of a collimator or couch set touch.

    In three dimensions collimator axes all meet in the source; what counts is where they pass the isocentre.
    """
    offsets, u = _offsets(shots, found.indices)
    if axis == "couch":
        matrix = turning(np.array(found.angles_deg), _mirror(shots, found))
    else:
        matrix = np.broadcast_to(np.eye(2), (len(offsets), 2, 2)).copy()
    meeting = isocentre.smallest_sphere(matrix, -offsets)
    return Sphere(meeting, isocentre.size(matrix, -offsets, u, meeting), found.indices)


def collimator_set(shots: Sequence[Shot]) -> tuple[Turned, str]:
    """The shots in which only the collimator turns, and what is missing."""
    found = turned([s.image for s in shots], "collimator")
    return found, shortage("collimator", found.angles_deg, *COLLIMATOR)


def collimator_axis(shots: Sequence[Shot], found: Turned) -> Axis:
    """Field centre from the ball = axis + R(collimator) arm."""
    offsets, u = _offsets(shots, found.indices)
    return Axis(fit_turn(np.array(found.angles_deg), -offsets, u), found.indices, *found.others_deg)


def couch_set(shots: Sequence[Shot]) -> tuple[Turned, str]:
    """The shots in which only the couch turns and the beam is vertical, and what is missing."""
    vertical = [k for k, s in enumerate(shots) if same(s.image.gantry_deg, 0.0) or same(s.image.gantry_deg, 180.0)]
    inner = turned([shots[k].image for k in vertical], "couch")
    found = Turned(tuple(vertical[k] for k in inner.indices), inner.angles_deg, inner.others_deg)
    return found, shortage("couch", found.angles_deg, *COUCH) and shortage("couch (gantry at 0 or 180)", found.angles_deg, *COUCH)


def couch_axis(shots: Sequence[Shot], found: Turned) -> Axis:
    """Ball from the field centre = axis + R(couch) arm; the arm holds the ball's set-up error."""
    offsets, u = _offsets(shots, found.indices)
    return Axis(fit_turn(np.array(found.angles_deg), offsets, u, _mirror(shots, found)), found.indices, found.others_deg[0], 0.0)


def _offsets(shots: Sequence[Shot], indices: Sequence[int]) -> tuple[Array, Array]:
    return np.array([shots[k].offset_mm for k in indices]), np.array([shots[k].offset_u_mm for k in indices])


def _mirror(shots: Sequence[Shot], found: Turned) -> float:
    """At gantry 180 u runs against x."""
    return -1.0 if same(shots[found.indices[0]].image.gantry_deg, 180.0) else 1.0


__all__ = ["SAME_DEG", "Axis", "Isocentre", "Sphere"]
