"""What the couch did between scans of a ball phantom, and what its readouts say it did.

Physics: docs/physics/couch_6dof.md, sections 4 to 6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import ball_pose, ball_position, rigid
from qa.acquisition import Acquisition, Image, Volume
from qa.ball_pose import Posed
from qa.couch_move import LONG_H
from qa.frames import angle_difference
from qa.reading import AnalysisError, DicomError
from qa.rigid import Pose
from qa.shots import RECEPTOR_MM

Array = NDArray[np.float64]
AXES = ("x", "y", "z", "pitch", "roll", "yaw")
TILT = ("TableTopPitchAngle", "TableTopRollAngle")
SAME_MM, SAME_DEG = 0.1, 0.05  # readouts of a standing couch repeat within 0.03 mm, angles within 0.03 degrees
TILTED_DEG = 0.3  # without a readout a couch that tilts by less is one that does not tilt: sag and wedged phantoms show 0.1
DIGITS = (1, 2)  # decimals of a readout, at least and at most: what consoles show
AGREE_MM, AGREE_PITCH = 0.08, 0.05  # per coordinate, at least and of the largest pitch: drawn scans of 1.2 mm show 0.08 mm over all three
IMAGER = {"imager position": np.diag([0.0, 0.0, 0.0, *[2 * RECEPTOR_MM**2] * 3])}  # of two scans: rotation vector, translation


@dataclass(frozen=True)
class Readout:
    """Where the couch says it stands: lateral, longitudinal, vertical (mm), pitch, roll, yaw (degrees); None = the files do not tell."""

    mm: tuple[float, float, float] | None
    pitch_deg: float | None
    roll_deg: float | None
    yaw_deg: float | None


@dataclass(frozen=True)
class Scanned:
    """One volume of the day: its name, its couch readout, and the phantom in it, or why it is not known where that is."""

    name: str
    volume: Volume
    readout: Readout
    posed: Posed | str


@dataclass(frozen=True)
class Commanded:
    """What the readouts say the room's points did, per axis of ``AXES``: mm and degrees, or why that is not known.

    ``rotation`` is what is known of it. ``u`` are standard uncertainties (6,): what readouts leave out by rounding.
    """

    values: tuple[float | str, ...]
    rotation: Array
    u: Array


@dataclass(frozen=True)
class Move:
    """From the first scan to another: the motion, both ways to it, what was commanded, and measured minus commanded per axis.

    ``parts`` names standard uncertainties of the measured values (6,), ``left_parts`` those of ``errors`` without the readouts' own.
    """

    scan: Scanned
    motion: Pose
    values: Array
    parts: dict[str, Array]
    second: Array
    commanded: Commanded
    errors: tuple[float | str, ...]
    left_parts: dict[str, Array]
    covariance: Array
    flags: tuple[str, ...]
    missing: str


def readout(item: Volume | Image) -> Readout:
    """What the files of a volume, or of an image, say; a value that is no number is none."""
    pitch, roll = (number(item.tags.get(keyword, "")) for keyword in TILT)
    return Readout(item.couch_mm, pitch, roll, item.couch_deg)


def number(text: str) -> float | None:
    """The finite number that a tag's text is, else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def moved(volumes: Sequence[Volume]) -> bool:
    """Whether any readout of the couch differs between some of the volumes."""
    found = [readout(volume) for volume in volumes]
    places = [one.mm for one in found if one.mm is not None]
    far = len(places) > 1 and float(np.ptp(np.array(places), axis=0).max()) > SAME_MM
    angles = [[a for a in column if a is not None] for column in zip(*((f.pitch_deg, f.roll_deg, f.yaw_deg) for f in found), strict=True)]
    return far or any(abs(angle_difference(a, column[0])) > SAME_DEG for column in angles for a in column)


def scans(acquisition: Acquisition) -> tuple[Scanned, ...] | str:
    """The day's volumes in the order they were taken, each with the phantom's pose or why not; or why nothing can be measured."""
    volumes = acquisition.volumes
    if acquisition.certificate is None:
        return "where the phantom's balls are is not known: hand in its certificate (--certificate FILE)"
    times = [volume.acquired for volume in volumes if volume.acquired is not None]
    if len(times) < len(volumes):
        return "the files do not say when they were taken, so nobody knows which scan came first: export them with date and time"
    for time in times:
        if reason := acquisition.certificate.not_in_force(time):
            return reason
    ordered = sorted(volumes, key=lambda v: (v.acquired.timestamp() if v.acquired else 0.0, v.name))
    return tuple(Scanned(f"CBCT {k}", v, readout(v), _posed(v, acquisition)) for k, v in enumerate(ordered, 1))


def _posed(volume: Volume, acquisition: Acquisition) -> Posed | str:
    assert acquisition.certificate is not None
    if reason := ball_position.elsewhere(volume):
        return f"{volume.name}: {reason}"
    try:
        voxels = volume.voxels
        if not np.isfinite(voxels).all():
            return f"{volume.name}: there are voxels that are no numbers; export it again"
        return ball_pose.posed(volume, voxels, acquisition.certificate)
    except (AnalysisError, DicomError) as error:
        return f"{volume.name}: {error}"


def move(first: Scanned, later: Scanned, steps: tuple[float, float]) -> Move | str:
    """The motion between two scans against the readouts, or why it is not known. ``steps`` are those of the readouts (mm, degrees)."""
    for scan in (first, later):
        if isinstance(scan.posed, str):
            return f"{scan.name}: {scan.posed}"
    assert isinstance(first.posed, Posed)
    assert isinstance(later.posed, Posed)
    try:
        motion, (turn, shift), balls = ball_pose.change(first.posed, later.posed)
        values = np.concatenate([motion.translation_mm, rigid.angles_deg(motion.rotation)])
        second = np.concatenate([shift, rigid.angles_deg(turn)])
    except AnalysisError as error:
        return f"{first.name} and {later.name}: {error}"
    if apart := _apart(motion, turn, shift, balls, max(*first.volume.pitch_mm, *later.volume.pitch_mm)):
        return apart
    order = commanded(first.readout, later.readout, values, steps)
    left = motion.rotation @ order.rotation.T
    errors = _errors(values, left, order)
    components = motion.components | IMAGER
    gain, left_gain = angle_gain(motion.rotation), angle_gain(left)
    parts, left_parts = (
        {name: np.sqrt(np.maximum(np.diag(g @ part @ g.T), 0.0)) for name, part in components.items()} for g in (gain, left_gain)
    )
    whole = left_gain @ np.asarray(sum(components.values(), np.zeros((6, 6)))) @ left_gain.T + np.diag(order.u**2)
    flags = tuple(dict.fromkeys([*first.posed.flags, *later.posed.flags, *_lost(first.posed, later.posed)]))
    return Move(later, motion, values, parts, second, order, errors, left_parts, whole, flags, _long(first, later))


def angle_gain(rotation: Array) -> Array:
    """(6, 6): from (rotation vector in rad, translation) to (x, y, z, pitch, roll, yaw) in mm and degrees."""
    gain = np.zeros((6, 6))
    gain[:3, 3:], gain[3:, :3] = np.eye(3), rigid.angle_gain(rotation)
    return gain


def _apart(motion: Pose, turn: Array, shift: Array, balls: Array, pitch_mm: float) -> str:
    """Why the two ways to a motion cannot both be right; "" when they can. ``balls`` were there before, ``pitch_mm`` is the largest."""
    differences = motion.moved(balls) - (balls @ turn.T + shift)
    if (worst := float(np.linalg.norm(differences, axis=1).max())) <= max(AGREE_MM, AGREE_PITCH * pitch_mm) * math.sqrt(3):
        return ""
    return (
        f"two ways to see how the phantom moved differ by {worst:.2f} mm at one of its balls: streaks or another thing beside a ball pull "
        "on it; look at the volumes and scan again"
    )


def _lost(first: Posed, later: Posed) -> list[str]:
    apart = [name for name in dict.fromkeys([*first.names, *later.names]) if name not in first.names or name not in later.names]
    return [f"{', '.join(apart)} not seen in both scans: left out of both"] if apart else []


def _long(first: Scanned, later: Scanned) -> str:
    start, end = first.volume.acquired, later.volume.acquired
    hours = abs(end.timestamp() - start.timestamp()) / 3600 if start and end else 0.0
    return f"{hours:.0f} hours between {first.name} and {later.name}: scan both in one go" if hours > LONG_H else ""


def steps(readouts: Sequence[Readout]) -> tuple[float, float]:
    """The step (mm, degrees) in which the couch reads out: the coarsest power of ten that all its readouts are multiples of."""
    lengths = [value for one in readouts if one.mm is not None for value in one.mm]
    angles = [value for one in readouts for value in (one.pitch_deg, one.roll_deg, one.yaw_deg) if value is not None]
    return _step(lengths), _step(angles)


def _step(values: Sequence[float]) -> float:
    low, high = DIGITS
    digits = next((d for d in range(low, high) if all(abs(value - round(value, d)) < 1e-6 for value in values)), high)
    return float(10.0**-digits)


def commanded(first: Readout, later: Readout, measured: Array, step: tuple[float, float]) -> Commanded:
    """What the readouts say of the motion; ``measured`` (6,) decides whether a couch without readout of its tilt tilted."""
    u = np.array([step[0] / math.sqrt(6)] * 3 + [step[1] / math.sqrt(6)] * 3)  # the difference of two rounded numbers
    if first.yaw_deg is None or later.yaw_deg is None:
        reason = (
            "the files do not tell the couch's angle, so nobody knows which way its readouts point: export them with PatientSupportAngle"
        )
        return Commanded((reason,) * 6, np.eye(3), u)
    tilts = (first.pitch_deg, first.roll_deg, later.pitch_deg, later.roll_deg)
    known = [value for value in tilts if value is not None]
    if len(known) == len(tilts):
        start, end = (rigid.turned(p, r, y) for p, r, y in ((*known[:2], first.yaw_deg), (*known[2:], later.yaw_deg)))
        rotation = end @ start.T
        angles: tuple[float | str, ...] = tuple(float(a) for a in rigid.angles_deg(rotation))
    else:
        yaw = angle_difference(later.yaw_deg, first.yaw_deg)
        rotation = rigid.turned(0.0, 0.0, yaw)
        silent = "the files hold no readout of pitch and roll (TableTopPitchAngle, TableTopRollAngle): only what was measured is known"
        angles = (silent, silent, yaw)
    shift = _shift(first, later, measured)
    if isinstance(shift, str):
        return Commanded((shift,) * 3 + angles, rotation, u)
    across = np.array([-shift[1], shift[0], 0.0])  # what a wrong couch angle does to a move
    u[:3] = np.hypot(u[:3], np.abs(across) * math.radians(step[1]) / math.sqrt(12))
    return Commanded((*(float(v) for v in shift), *angles), rotation, u)


def _shift(first: Readout, later: Readout, measured: Array) -> Array | str:
    """Where the point at the isocentre went as read out, in F, or why that is not known."""
    if first.mm is None or later.mm is None:
        return "the files do not tell where the couch stood: export them with its readouts, or write them down and ask the physicist"
    assert later.yaw_deg is not None
    pairs = ((first.pitch_deg, later.pitch_deg, "pitch", measured[3]), (first.roll_deg, later.roll_deg, "roll", measured[4]))
    for start, end, name, seen in pairs:
        if start is None or end is None:
            if abs(seen) > TILTED_DEG:
                return f"the phantom's {name} changed by {seen:.2f} degrees and no readout tells of it: where it turns about is not known"
        elif abs(angle_difference(end, start)) > SAME_DEG:
            return (
                f"the {name} was changed as well: couches differ in the point that they tilt about, so what their readouts say of the "
                "translation is not known; move and tilt the couch one after the other, with a scan in between"
            )
    return np.asarray(rigid.turned(0.0, 0.0, later.yaw_deg) @ np.subtract(later.mm, first.mm))


def _errors(values: Array, left: Array, order: Commanded) -> tuple[float | str, ...]:
    """Measured minus commanded: shifts as they are, angles of the turn that is left when the commanded one is taken back."""
    turn = rigid.angles_deg(left)
    measured = np.concatenate([values[:3], turn])
    return tuple(said if isinstance(said, str) else float(measured[k] - (said if k < 3 else 0.0)) for k, said in enumerate(order.values))
