"""What a treatment system says of the motion between two scans: from its registration objects, in F, or from the couch's readouts.

Physics: docs/physics/registration_accuracy.md, sections 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qa import patient_axes, rigid
from qa.acquisition import Image, Placed, Registration, Volume
from qa.angles import same
from qa.ball_moves import Commanded
from qa.reading import DicomError
from qa.rtimage import FRAME, LYING

Array = NDArray[np.float64]
SAME = 1e-3  # mm, and of a matrix's numbers at 1 rad: two matches that differ by less are one
OBJECT, READOUT = "registration object", "couch readout"


@dataclass(frozen=True)
class Stated:
    """A motion of the room's points from the first scan to the second as somebody states it, per axis or why that is not known.

    ``source`` says where it is stated. ``covariance`` (6, 6) of (rotation vector, translation) is what rounding leaves open. ``arm`` (3, 3)
    is what the place of the point adds whose shift is meant, where it is not the isocentre.
    """

    source: str
    values: tuple[float | str, ...]
    rotation: Array
    covariance: Array
    arm: Array = field(default_factory=lambda: np.zeros((3, 3)))


def by_couch(order: Commanded) -> Stated:
    """What the readouts say."""
    u = np.concatenate([np.radians(order.u[3:]), order.u[:3]])
    return Stated(READOUT, order.values, order.rotation, np.diag(u**2))


@dataclass(frozen=True)
class Framed:
    """Something imaged as a registration object knows it: its frame of reference, the UIDs of its images, its patient axes to F (3, 3).

    ``kind`` is what a reader calls it: "scan", "kV pair".
    """

    kind: str
    frame: str
    uids: frozenset[str]
    room: Array


def of_volume(volume: Volume) -> Framed:
    """A scan."""
    room = np.array(volume.room) if volume.room else patient_axes.to_room(volume.patient_position)
    return Framed("scan", volume.frame_of_reference_uid, frozenset(one.sop_instance_uid for one in volume.slices), room)


def of_images(images: Sequence[Image]) -> Framed | str:
    """The images of one kV pair; or why no registration object can be read for them."""
    frames, lying = ({image.tags.get(keyword, "") for image in images} for keyword in (FRAME, LYING))
    names = ", ".join(image.name for image in images)
    if len(frames) > 1:
        return f"{names} have several frames of reference: export the images of a pair as they were taken together"
    if len(lying) > 1 or "" in lying:
        return f"{names} do not say alike how the phantom lay (PatientPosition), so no match can be put into the room: export them with it"
    if not all(same(image.couch_deg, 0.0) for image in images):
        return "the couch stood turned, and kV images do not say whether the patient's axes turned with it: match with the couch at 0"
    try:
        room = patient_axes.to_room(lying.pop())
    except DicomError as error:
        return f"{names}: {error}"
    return Framed("kV pair", frames.pop(), frozenset(image.sop_instance_uid for image in images), room)


def by_object(first: Framed, later: Framed, registrations: Sequence[Registration]) -> Stated | str:
    """What the registration objects of the day say; or why nothing, in words."""
    for one in registrations:
        if one.wrong:
            return f"{one.name}: {one.wrong}"
    found = _related(first, later, registrations)
    if isinstance(found, str):
        return found
    matrix, step = found
    start, end = first.room, later.room
    u, _, vt = np.linalg.svd(matrix[:3, :3])
    back = (u @ vt).T  # the file takes points of the second scan to the first, the phantom went the other way
    rotation, shift = end @ back @ start.T, -end @ back @ matrix[:3, 3]
    values = (*(float(v) for v in shift), *(float(a) for a in rigid.angles_deg(rotation)))
    return Stated(OBJECT, values, rotation, _rounded(step, shift))


def _rounded(step: float, shift: Array) -> Array:
    """(6, 6): twelve rounded numbers as a rotation vector and a shift. A rotation vector's component is half a difference of two."""
    square = step**2 / 12
    gain = np.eye(6)
    gain[3:, :3] = rigid.cross(shift)
    return np.asarray(gain @ np.diag([square / 2] * 3 + [square] * 3) @ gain.T)


def _related(first: Framed, later: Framed, registrations: Sequence[Registration]) -> tuple[Array, float] | str:
    """The matrix (4, 4) that takes points of the second scan to the first, patient axes, and its step; or why there is none."""
    found: list[tuple[Array, float]] = []
    for frame in dict.fromkeys(one.frame for one in registrations):
        items = [item for one in registrations if one.frame == frame for item in one.placed]
        start, end = _places(first, later, items, frame), _places(later, first, items, frame)
        found += [(np.linalg.inv(np.array(a.matrix)) @ np.array(b.matrix), max(a.step, b.step)) for a in start for b in end if a != b]
    if not found:
        return (
            f"no registration that was handed in leads from the second {later.kind} to the first: match the second {later.kind} to the "
            "first at the console, or both to the same reference, and export that registration"
        )
    if any(np.abs(matrix - found[0][0]).max() > SAME for matrix, _ in found):
        return f"the registrations handed in say different things of the two {later.kind}s: hand in the one that was applied"
    return found[0]


def _places(item: Framed, other: Framed, items: Sequence[Placed], frame: str) -> list[Placed]:
    """How it lies in a frame of reference: by its own frame of reference, or by its images where the other one has the same.

    What is said of that frame for other images alone is of a third scan or pair, and does not count for this one.
    """
    named = [one for one in items if not one.images.isdisjoint(item.uids)]
    of_a_third = any(one.frame == item.frame and not one.counts_for(item.uids | other.uids) for one in items)
    still = Placed(frame, frozenset(), ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0)), 0.0)
    if item.frame == other.frame:
        own = [one for one in named if one.images.isdisjoint(other.uids)]
        moved = any(not one.images.isdisjoint(other.uids) and one.images.isdisjoint(item.uids) for one in items)
        return own or ([still] if frame == item.frame and moved and not of_a_third else [])
    own = [one for one in items if one.frame == item.frame and one.counts_for(item.uids)]
    return own or ([still] if frame == item.frame and not of_a_third else named)


def reversed_(said: Sequence[float | str], found: Array) -> bool:
    """Whether a stated motion looks like the way back from what was found, and not like the way there."""
    if any(isinstance(value, str) for value in said):
        return False
    stated = np.array(said, float)
    return float(np.linalg.norm(stated + found)) < 0.3 * float(np.linalg.norm(stated - found)) and not math.isclose(
        float(np.linalg.norm(found)), 0.0
    )
