"""A match against the truth that is in the scans, as readings: docs/physics/registration_accuracy.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import rigid
from qa.acquisition import Acquisition
from qa.ball_moves import AXES, IMAGER, Move, Scanned, angle_gain
from qa.ball_pose import Posed
from qa.reading import AnalysisError, DicomError, Measured, NotMeasured, Quantity, Reading
from qa.registration_accuracy_proposed import READOUT, Stated, by_couch, by_object, of_volume
from qa.registration_accuracy_values import NO_OBJECT, Quantities, flags, missing, number, stated
from qa.registration_image import Matched, match
from qa.rotation import length

Array = NDArray[np.float64]
ARM_MM = 50.0
POINTS_MM = np.vstack([np.zeros(3), ARM_MM * np.eye(3), -ARM_MM * np.eye(3)])  # the isocentre, and 50 mm from it along every axis
APART_MM, APART_SIGMAS = 0.1, 4.0  # two ways further apart than both are not one motion
NOISE = "voxel noise"
AT = {"radiation": "CBCT", "part": "CBCT"}


@dataclass(frozen=True)
class Compared:
    """Two scans: the motion found, the voxels' own or why it does not count, what was proposed and what is known, or why neither is."""

    move: Move
    image: Matched | str
    proposed: Stated | str
    known: Stated | str


def compared(acquisition: Acquisition, scans: Sequence[Scanned], move: Move) -> Compared | str:
    """Everything about a motion; or why the two ways to find it cannot both be right."""
    first, later = scans
    image = _image(first, later, move)
    if isinstance(image, Matched) and (apart := _apart(move, image)):
        return apart
    couch = by_couch(move.commanded)
    if not acquisition.registrations:
        return Compared(move, image, couch, NO_OBJECT)
    return Compared(move, image, by_object(of_volume(first.volume), of_volume(later.volume), acquisition.registrations), couch)


def _image(first: Scanned, later: Scanned, move: Move) -> Matched | str:
    assert isinstance(first.posed, Posed)
    balls = np.array([one.point_mm for one in first.posed.balls])
    try:
        return match(first.volume, later.volume, (first.volume.voxels, later.volume.voxels), balls, move.motion)
    except (AnalysisError, DicomError) as error:
        return str(error)


def _apart(move: Move, image: Matched) -> str:
    """How balls and voxels contradict each other at the isocentre or 50 mm from it; "" when they do not."""
    for point in POINTS_MM:
        error = move.motion.moved(point) - (image.rotation @ point + image.shift_mm)
        gain = np.hstack([-rigid.cross(move.motion.rotation @ point), np.eye(3)])
        own = sum(move.motion.own.values(), np.zeros((6, 6)))
        u = float(np.sqrt(np.linalg.eigvalsh(gain @ (own + image.covariance) @ gain.T)[-1]))
        if (far := float(np.linalg.norm(error))) > max(APART_MM, APART_SIGMAS * u):
            return (
                f"balls and voxels differ by {far:.2f} mm in how the phantom moved (U {2 * u:.2f} mm): something in the scans moved by "
                "itself, or streaks pull on one of them; look at the scans and repeat them"
            )
    return ""


def readings(quantities: Quantities, one: Compared) -> list[Reading]:
    """Found, by voxels, proposed, known, proposed minus found; then the size of the last."""
    return [
        *_found(quantities, one.move),
        *_voxels(quantities, one),
        *stated(quantities, "proposed", one.proposed, AT, one.move.missing),
        *stated(quantities, "known", one.known, AT, one.move.missing),
        *_errors(quantities, one),
        *_sizes(quantities, one),
    ]


def _found(quantities: Quantities, move: Move) -> list[Reading]:
    return [
        number(
            quantities[f"registration_found_{axis}"],
            float(move.values[k]),
            {name: float(part[k]) for name, part in move.parts.items()},
            AT,
            move.flags,
            move.missing,
        )
        for k, axis in enumerate(AXES)
    ]


def _voxels(quantities: Quantities, one: Compared) -> list[Reading]:
    """The motion by the voxels; its scale and its imager are those of the balls."""
    names = [quantities[f"registration_image_{axis}"] for axis in AXES]
    if isinstance(one.image, str):
        return [NotMeasured(quantity, one.image, AT) for quantity in names]
    image, motion = one.image, one.move.motion
    gain = angle_gain(image.rotation)
    shared = {name: array @ array.T for name, array in motion.shared.items()} | IMAGER
    parts = {NOISE: image.covariance, **shared}
    values = (*image.shift_mm, *rigid.angles_deg(image.rotation))
    u = {name: np.sqrt(np.maximum(np.diag(gain @ part @ gain.T), 0.0)) for name, part in parts.items()}
    return [
        number(quantity, float(values[k]), {name: float(part[k]) for name, part in u.items()}, AT, (image.known,))
        for k, quantity in enumerate(names)
    ]


def _parts(one: Compared, said: Stated) -> dict[str, Array]:
    """Named covariances (6, 6) of proposed minus found. A match of the same two volumes stands on the same imager positions."""
    own = {**one.move.motion.components, f"rounding of the {said.source}": said.covariance}
    return own | IMAGER if said.source == READOUT else own


def _left(one: Compared, said: Stated) -> Array:
    return np.asarray(said.rotation @ one.move.motion.rotation.T)


def _beside(one: Compared, said: Stated, axes: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Remarks of an error along or about these axes, and why it cannot pass."""
    return flags(said, one.move.values, one.move.flags), missing(said, one.move.values, axes, "phantom", one.move.missing)


def _errors(quantities: Quantities, one: Compared) -> list[Reading]:
    """Proposed minus found: shifts as they are, angles of the turn that is left when the found one is taken back."""
    result: list[Reading] = []
    for k, axis in enumerate(AXES):
        quantity, said = quantities[f"registration_error_{axis}"], one.proposed
        value = said if isinstance(said, str) else said.values[k]
        if isinstance(value, str) or isinstance(said, str):
            result.append(NotMeasured(quantity, str(value), AT))
            continue
        left = _left(one, said)
        gain = angle_gain(left)
        gain[3:, :3] = gain[3:, :3] @ left
        off = value - float(one.move.values[k]) if k < 3 else float(rigid.angles_deg(left)[k - 3])
        budget = {name: float(np.sqrt(max((gain @ part @ gain.T)[k, k], 0.0))) for name, part in _parts(one, said).items()}
        result.append(number(quantity, off, budget, AT, *_beside(one, said, (axis,))))
    return result


def _sizes(quantities: Quantities, one: Compared) -> list[Reading]:
    """The length of the error at the isocentre, and the largest at points up to 50 mm from it, without the noise's share."""
    length_, largest = quantities["registration_error_length"], quantities["registration_error_tre"]
    said = one.proposed
    unknown = [said] if isinstance(said, str) else [value for value in said.values if isinstance(value, str)]
    shifts = unknown if isinstance(said, str) else [value for value in said.values[:3] if isinstance(value, str)]
    result: list[Reading] = []
    for quantity, points, axes, why in ((length_, POINTS_MM[:1], AXES[:3], shifts), (largest, POINTS_MM, AXES, unknown)):
        if why or isinstance(said, str):
            result.append(NotMeasured(quantity, "; ".join(dict.fromkeys(why)), AT))
            continue
        result.append(max((_size(quantity, point, one, said, axes) for point in points), key=lambda reading: reading.value))
    return result


def _size(quantity: Quantity, point: Array, one: Compared, said: Stated, axes: Sequence[str]) -> Measured:
    """How far from where the phantom went the proposed motion takes a point."""
    shift = np.array([float(value) for value in said.values[:3]])
    moved = one.move.motion.rotation @ point
    error = said.rotation @ point + shift - one.move.motion.moved(point)
    gain = np.hstack([-rigid.cross(moved), np.eye(3)])
    parts = {name: gain @ part @ gain.T for name, part in _parts(one, said).items()}
    value, u = length(error, np.asarray(sum(parts.values(), np.zeros((3, 3)))))
    shares = {name: float(np.sqrt(max(np.trace(part), 0.0))) for name, part in parts.items()}
    total = float(np.sqrt(sum(share**2 for share in shares.values())))
    return number(quantity, value, {name: u * share / total for name, share in shares.items()}, AT, *_beside(one, said, axes))
