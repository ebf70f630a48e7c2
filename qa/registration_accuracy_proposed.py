"""What a treatment system says of the motion between two scans: from its registration objects, in F, or from the couch's readouts.

Physics: docs/physics/registration_accuracy.md, sections 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import patient_axes, rigid
from qa.acquisition import Placed, Registration, Volume
from qa.ball_moves import Commanded

Array = NDArray[np.float64]
SAME = 1e-3  # mm, and of a matrix's numbers at 1 rad: two matches that differ by less are one
OBJECT, READOUT = "registration object", "couch readout"


@dataclass(frozen=True)
class Stated:
    """A motion of the room's points from the first scan to the second as somebody states it, per axis or why that is not known.

    ``source`` says where it is stated. ``covariance`` (6, 6) of (rotation vector, translation) is what rounding leaves open.
    """

    source: str
    values: tuple[float | str, ...]
    rotation: Array
    covariance: Array


def by_couch(order: Commanded) -> Stated:
    """What the readouts say."""
    u = np.concatenate([np.radians(order.u[3:]), order.u[:3]])
    return Stated(READOUT, order.values, order.rotation, np.diag(u**2))


def by_object(first: Volume, later: Volume, registrations: Sequence[Registration]) -> Stated | str:
    """What the registration objects of the day say; or why nothing, in words."""
    for one in registrations:
        if one.wrong:
            return f"{one.name}: {one.wrong}"
    found = _related(first, later, registrations)
    if isinstance(found, str):
        return found
    matrix, step = found
    start, end = _room(first), _room(later)
    u, _, vt = np.linalg.svd(matrix[:3, :3])
    back = (u @ vt).T  # the file takes points of the second scan to the first, the phantom went the other way
    rotation, shift = end @ back @ start.T, -end @ back @ matrix[:3, 3]
    values = (*(float(v) for v in shift), *(float(a) for a in rigid.angles_deg(rotation)))
    return Stated(OBJECT, values, rotation, _rounded(step, shift))


def _room(volume: Volume) -> Array:
    """(3, 3): the volume's patient axes to F."""
    return np.array(volume.room) if volume.room else patient_axes.to_room(volume.patient_position)


def _rounded(step: float, shift: Array) -> Array:
    """(6, 6): twelve rounded numbers as a rotation vector and a shift. A rotation vector's component is half a difference of two."""
    square = step**2 / 12
    gain = np.eye(6)
    gain[3:, :3] = rigid.cross(shift)
    return np.asarray(gain @ np.diag([square / 2] * 3 + [square] * 3) @ gain.T)


def _related(first: Volume, later: Volume, registrations: Sequence[Registration]) -> tuple[Array, float] | str:
    """The matrix (4, 4) that takes points of the second scan to the first, patient axes, and its step; or why there is none."""
    found: list[tuple[Array, float]] = []
    for frame in dict.fromkeys(one.frame for one in registrations):
        items = [item for one in registrations if one.frame == frame for item in one.placed]
        start, end = _places(first, later, items, frame), _places(later, first, items, frame)
        found += [(np.linalg.inv(np.array(a.matrix)) @ np.array(b.matrix), max(a.step, b.step)) for a in start for b in end if a != b]
    if not found:
        return (
            "no registration that was handed in leads from the second scan to the first: match the second scan to the first at the "
            "console, and export that registration"
        )
    if any(np.abs(matrix - found[0][0]).max() > SAME for matrix, _ in found):
        return "the registrations handed in say different things of the two scans: hand in the one that was applied"
    return found[0]


def _places(volume: Volume, other: Volume, items: Sequence[Placed], frame: str) -> list[Placed]:
    """How a volume lies in a frame of reference: by its own frame of reference, or by its images where the other volume has the same."""
    images = {one.sop_instance_uid for one in volume.slices}
    named = [item for item in items if not item.images.isdisjoint(images)]
    still = Placed(frame, frozenset(), ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0)), 0.0)
    if volume.frame_of_reference_uid == other.frame_of_reference_uid:
        apart = {one.sop_instance_uid for one in other.slices}
        own = [item for item in named if item.images.isdisjoint(apart)]
        moved = any(not item.images.isdisjoint(apart) and item.images.isdisjoint(images) for item in items)
        return own or ([still] if frame == volume.frame_of_reference_uid and moved else [])
    own = [item for item in items if item.frame == volume.frame_of_reference_uid]
    return own or ([still] if frame == volume.frame_of_reference_uid else named)


def reversed_(said: Sequence[float | str], found: Array) -> bool:
    """Whether a stated motion looks like the way back from what was found, and not like the way there."""
    if any(isinstance(value, str) for value in said):
        return False
    stated = np.array(said, float)
    return float(np.linalg.norm(stated + found)) < 0.3 * float(np.linalg.norm(stated - found)) and not math.isclose(
        float(np.linalg.norm(found)), 0.0
    )
