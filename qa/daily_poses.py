"""Looks at a certified phantom of several balls: its pose in every CBCT, and what the couch did to it against what it was told.

Physics: docs/physics/daily_igrt.md, section 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import ball_moves, rigid
from qa.acquisition import Acquisition
from qa.ball_day import ImagingSet
from qa.ball_images import BallImage
from qa.ball_looks import Look
from qa.ball_moves import Move, Scanned
from qa.ball_pose import Posed
from qa.ball_position import BallPosition, project
from qa.rigid import Pose
from qa.shots import RECEPTOR_MM

Array = NDArray[np.float64]
READOUT, MARK, IMAGER = "couch readout's resolution", "certificate: mark", "imager position"
DEG = float(np.degrees(1.0))
DROPPED = 1e-9  # of the variance: what two looks share is left with this much of itself, or less
APART_MM = 3.0  # between two shadows, from rim to rim: nearer, one takes part of the other's open surroundings


Vector = tuple[Array, dict[str, Array]]
"""(3,) and named covariances (3, 3): a place or shift in mm, or a turn about the axes of F in degrees."""


@dataclass(frozen=True)
class Link:
    """What two looks tell of match and couch, of the target's place and of the phantom's turn, each or why not.

    ``moved`` is the target's move as seen, ``shift`` (3,) mm as told.
    """

    match: Vector | str
    couch: Vector | str
    match_turn: Vector | str
    couch_turn: Vector | str
    moved: Vector
    shift: Array | str
    flags: tuple[str, ...]
    missing: str


def looks(acquisition: Acquisition) -> tuple[Look, ...]:
    """Every CBCT of the day with the phantom's target in it, or why it is not known where that is."""
    if not acquisition.volumes:
        return ()
    found = ball_moves.scans(acquisition)
    if isinstance(found, str):
        silent = ball_moves.Readout(None, None, None, None)
        found = tuple(Scanned(volume.name, volume, silent, found) for volume in acquisition.volumes)
    return tuple(_look(scan) for scan in found)


def _look(scan: Scanned) -> Look:
    volume, posed = scan.volume, scan.posed
    couch_deg = 0.0 if volume.couch_deg is None else volume.couch_deg
    if isinstance(posed, str):
        item = ImagingSet("cbct", (), ((volume, posed),), posed, volume.couch_mm, couch_deg, volume.acquired, volume=volume, name=scan.name)
        return Look(posed, (), volume.couch_mm, couch_deg, volume.acquired, "", (item,), (), scan)
    target = posed.certificate.balls[0]
    seen = next((one.place for one in posed.balls if one.ball is target), None)
    position = BallPosition(*_at(posed.pose, np.array(target.place_mm)), np.zeros((0, 2)), np.zeros((0, 2)))
    item = ImagingSet("cbct", (), (), position, volume.couch_mm, couch_deg, volume.acquired, (), volume, seen, (), scan.name)
    return Look(position, (), volume.couch_mm, couch_deg, volume.acquired, "", (item,), posed.flags, scan)


def _at(pose: Pose, point: Array) -> Vector:
    """Where a point (3,) of the phantom is in one scan."""
    gain = np.hstack([-rigid.cross(pose.rotation @ point), np.eye(3)])
    parts = {name: gain @ part @ gain.T for name, part in pose.components.items()}
    return pose.moved(point), parts | {IMAGER: np.eye(3) * RECEPTOR_MM**2}


def posed(look: Look) -> Posed:
    """The phantom in a look that shows it."""
    assert look.scan is not None
    assert isinstance(look.scan.posed, Posed)
    return look.scan.posed


def mark(look: Look) -> Vector:
    """Where the certificate's first mark is in F; where it has none, the target."""
    here = posed(look)
    if not here.certificate.marks:
        return _at(here.pose, np.array(here.certificate.balls[0].place_mm))
    one = here.certificate.marks[0]
    place, parts = _at(here.pose, np.array([one.x_mm, one.y_mm, one.z_mm]))
    rotation = here.pose.rotation
    return place, parts | {MARK: rotation @ np.diag(np.square(one.u_mm)) @ rotation.T}


def lies(look: Look) -> Vector:
    """How the phantom is turned against how it is meant to lie."""
    pose = posed(look).pose
    return _turn(pose.rotation, pose.components, np.eye(3))


def _turn(rotation: Array, components: Mapping[str, Array], carried: Array) -> Vector:
    """A rotation as a vector; ``components`` (6, 6) are those of a rotation that ``carried`` takes to it."""
    parts = {name: DEG**2 * carried @ part[:3, :3] @ carried.T for name, part in components.items()}
    return DEG * rigid.rotation_vector(rotation), parts


def link(first: Look, last: Look, looks: Sequence[Look]) -> Link | str:
    """Between two looks, or why nothing can be told; ``looks`` are all of the day, whose readouts show their step."""
    assert first.scan is not None
    assert last.scan is not None
    move = ball_moves.move(first.scan, last.scan, ball_moves.steps([look.scan.readout for look in looks if look.scan is not None]))
    if isinstance(move, str):
        return move
    here = posed(first)
    start, parts = _at(here.pose, np.array(here.certificate.balls[0].place_mm))
    gain = np.hstack([-rigid.cross(move.motion.rotation @ start), np.eye(3)])
    went = _felt({name: gain @ part @ gain.T for name, part in (move.motion.components | ball_moves.IMAGER).items()})
    end = move.motion.moved(start)
    match_turn, couch_turn = _turns(here, move)
    told = _told(move)
    if isinstance(told, str):
        return Link(told, told, match_turn, couch_turn, (end - start, went), told, move.flags, move.missing)
    turn, arm = move.commanded.rotation, rigid.cross(start)
    there = turn @ start + told
    rounded = {READOUT: np.diag(move.commanded.u[:3] ** 2) + arm @ np.diag(np.radians(move.commanded.u[3:]) ** 2) @ arm.T}
    match = there, {name: turn @ part @ turn.T for name, part in parts.items()} | rounded
    couch = end - there, went | rounded
    return Link(match, couch, match_turn, couch_turn, (end - start, went), there - start, move.flags, move.missing)


def _told(move: Move) -> Array | str:
    """Where the readouts take the point at the isocentre, (3,) mm, or why they do not say."""
    values = move.commanded.values[:3]
    silent = next((value for value in values if isinstance(value, str)), None)
    return silent if silent is not None else np.array([float(value) for value in values])


def _turns(here: Posed, move: Move) -> tuple[Vector | str, Vector | str]:
    """What the commanded turn would leave, and what the couch did beyond it; or why it is not known."""
    silent = next((value for value in move.commanded.values[3:] if isinstance(value, str)), None)
    if silent is not None:
        return silent, silent
    told, rounded = move.commanded.rotation, {READOUT: np.diag(move.commanded.u[3:] ** 2)}
    match, of_match = _turn(told @ here.pose.rotation, here.pose.components, told)
    couch, of_couch = _turn(move.motion.rotation @ told.T, move.motion.components, np.eye(3))
    return (match, of_match | rounded), (couch, _felt(of_couch) | rounded)


def _felt(parts: Mapping[str, Array]) -> dict[str, Array]:
    """The parts without those that drop out of a difference of two looks, but for rounding."""
    whole = sum(float(np.trace(part)) for part in parts.values())
    return {name: part for name, part in parts.items() if float(np.trace(part)) > DROPPED * whole}


def hides(scan: Scanned, seen: BallImage, move_mm: Array) -> str:
    """Why the ball in a MV image may be another than the target, the couch moved by that since the scan; "" when it is the target."""
    assert isinstance(scan.posed, Posed)
    balls, image = scan.posed.certificate.balls, seen.image
    tilts = [[ball_moves.number(tags.get(key, "")) for tags in (scan.volume.tags, image.tags)] for key in ball_moves.TILT]
    if any(before is not None and now is not None and abs(before - now) > ball_moves.SAME_DEG for before, now in tilts):
        return "the couch was tilted after the last CBCT: take the image as the couch stands after the correction"
    places = scan.posed.pose.moved(np.array([ball.place_mm for ball in balls])) + move_mm
    shadows = np.array([project(place, image.gantry_deg, image.sad_mm)[0] for place in places])
    nearest = balls[int(np.linalg.norm(shadows - seen.ball_mm, axis=1).argmin())]
    if nearest is not balls[0]:
        return f"the ball in it is {nearest.name}, not {balls[0].name}, which counts: put the field on that"
    for ball, shadow in zip(balls[1:], shadows[1:], strict=True):
        room = float(np.linalg.norm(shadow - shadows[0])) - (ball.diameter_mm + balls[0].diameter_mm) / 2
        if room < APART_MM:
            return f"{ball.name} lies over or beside {balls[0].name} at gantry {image.gantry_deg:.0f}: take the image from another side"
    return ""
