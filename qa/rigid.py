"""Rigid poses of a phantom from places of its balls: the fit, what its numbers are worth, and the change from one pose to another.

A pose takes a point p of the phantom's own frame to x = R p + t in F. Small errors of a pose are six numbers, a rotation vector w (rad,
about the axes of F) and a shift d (mm): x = exp[w] R p + t + d. Formulas: docs/physics/couch_6dof.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.reading import AnalysisError

Array = NDArray[np.float64]
FEWEST = 3  # points that fix a pose
FLAT = 0.05  # second singular value of the points over the first: below, they lie on a line, about which the pose is free
UPRIGHT = 0.05  # cosine of the pitch: nearer to 90 degrees roll and yaw are one turn


@dataclass(frozen=True)
class Pose:
    """x = ``rotation`` p + ``translation_mm``; ``residual_mm`` (n, 3) is what the fit leaves over, found minus fitted.

    ``own`` names parts of the covariance (6, 6) that no other pose shares. ``shared`` names errors that other poses of the same phantom or
    the same scanner have too: what one standard deviation of each, along the same columns in every pose, does to the six numbers (6, m).
    """

    rotation: Array
    translation_mm: Array
    own: Mapping[str, Array]
    shared: Mapping[str, Array]
    residual_mm: Array

    @property
    def components(self) -> dict[str, Array]:
        """Named parts of the covariance (6, 6)."""
        return {**self.own, **{name: gain @ gain.T for name, gain in self.shared.items()}}

    @property
    def covariance(self) -> Array:
        """(6, 6): rotation vector (rad), translation (mm)."""
        return np.asarray(sum(self.components.values(), np.zeros((6, 6))))

    @property
    def fre_mm(self) -> float:
        """Root mean square of the residuals' lengths. It says whether the points fit, not how good the pose is (Fitzpatrick 2009)."""
        return float(np.sqrt((self.residual_mm**2).sum(axis=1).mean())) if len(self.residual_mm) else 0.0

    def moved(self, points: Array) -> Array:
        """Points (..., 3) of the phantom in F."""
        return np.asarray(points @ self.rotation.T + self.translation_mm)

    def at(self, point: Array) -> Array:
        """Covariance (3, 3), mm^2, of where a point (3,) of the phantom is: the square of its target registration error."""
        gain = np.hstack([-cross(self.rotation @ point), np.eye(3)])
        return np.asarray(gain @ self.covariance @ gain.T)


def cross(v: Array) -> Array:
    """The matrix of v x ."""
    x, y, z = v
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def kabsch(points: Array, found: Array) -> tuple[Array, Array]:
    """Rotation and translation that take ``points`` (n, 3) nearest to ``found`` (least squares); never a reflection.

    AnalysisError for fewer than three points, or points on a line. Source: Kabsch 1976, with the sign of Umeyama 1991.
    """
    if len(points) < FEWEST:
        raise AnalysisError(f"{len(points)} points do not fix a pose: {FEWEST} are needed that do not lie on a line")
    here, there = points - points.mean(axis=0), found - found.mean(axis=0)
    size = np.linalg.svd(here, compute_uv=False)
    if size[1] < FLAT * size[0]:
        raise AnalysisError("the points lie on a line: how the phantom is turned about it cannot be seen")
    u, _, vt = np.linalg.svd(here.T @ there)
    rotation = vt.T @ np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
    return rotation, found.mean(axis=0) - rotation @ points.mean(axis=0)


def mirrored(points: Array, found: Array) -> bool:
    """Whether a reflection takes the points nearer to what was found than any rotation does; points in a plane never are."""
    here, there = points - points.mean(axis=0), found - found.mean(axis=0)
    size = np.linalg.svd(here, compute_uv=False)
    return bool(size[2] > FLAT * size[0] and np.linalg.det(here.T @ there) < 0)


def fit(points: Array, found: Array, own: Mapping[str, Array], shared: Mapping[str, Array] | None = None) -> Pose:
    """The pose of ``points`` (n, 3) in the phantom, ``found`` (n, 3) in F.

    ``own`` names covariances (n, 3, 3) of the places found, independent from point to point. ``shared`` names errors common to several
    fits: what a standard deviation of each does to found minus placed, in F, (n, 3, m). AnalysisError as ``kabsch``.
    """
    rotation, translation = kabsch(points, found)
    turned = points @ rotation.T
    design = np.concatenate([np.hstack([-cross(q), np.eye(3)]) for q in turned])
    inverse = np.linalg.pinv(design).reshape(6, len(points), 3)
    parts = {name: np.einsum("inj,njk,mnk->im", inverse, part, inverse) for name, part in own.items()}
    common = {name: np.einsum("inj,njm->im", inverse, gain) for name, gain in (shared or {}).items()}
    return Pose(rotation, translation, parts, common, found - turned - translation)


def change(before: Pose, after: Pose) -> Pose:
    """The motion of the room's points that takes the phantom from ``before`` to ``after``: after o before^-1, with its covariance.

    Its translation is where the point at the origin of F goes. Errors of the same name in ``shared`` are the same in both poses.
    """
    rotation = after.rotation @ before.rotation.T
    carried = rotation @ before.translation_mm
    late = np.eye(6)
    late[3:, :3] = cross(carried)
    early = np.block([[-rotation, np.zeros((3, 3))], [-cross(carried) @ rotation, -rotation]])
    names = dict.fromkeys([*after.own, *before.own])
    own = {name: _carried(late, after.own.get(name)) + _carried(early, before.own.get(name)) for name in names}
    shared = {}
    for name in dict.fromkeys([*after.shared, *before.shared]):
        gains = [gain @ pose.shared[name] for gain, pose in ((late, after), (early, before)) if name in pose.shared]
        shared[name] = np.asarray(sum(gains[1:], gains[0]))
    return Pose(rotation, after.translation_mm - carried, own, shared, np.zeros((0, 3)))


def _carried(gain: Array, part: Array | None) -> Array:
    return np.zeros((6, 6)) if part is None else np.asarray(gain @ part @ gain.T)


def rotation_vector(rotation: Array) -> Array:
    """Axis times angle (rad) of a rotation by less than half a turn."""
    twice = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    sine, cosine = float(np.linalg.norm(twice)) / 2, (float(np.trace(rotation)) - 1) / 2
    return np.asarray(twice / 2 * (np.arctan2(sine, cosine) / sine if sine > 1e-12 else 1.0))


def turned(pitch_deg: float, roll_deg: float, yaw_deg: float) -> Array:
    """Rz(yaw) Rx(pitch) Ry(roll): IEC 61217's order, the couch turns first and carries the table top's pitch, which carries its roll.

    Each is counter-clockwise seen from the tip of its axis: pitch lifts what is towards the gantry, roll lowers what is to the right.
    """
    return np.asarray(_about(2, yaw_deg) @ _about(0, pitch_deg) @ _about(1, roll_deg))


def _about(axis: int, angle_deg: float) -> Array:
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = c
    turn[first, second], turn[second, first] = -s, s
    return turn


def angles_deg(rotation: Array) -> Array:
    """(pitch, roll, yaw) of a rotation in that order. AnalysisError near a pitch of 90 degrees."""
    if np.hypot(rotation[2, 0], rotation[2, 2]) < UPRIGHT:
        raise AnalysisError("the phantom stands upright: its pitch is near 90 degrees, where roll and yaw are one turn")
    pitch = np.arctan2(rotation[2, 1], np.hypot(rotation[2, 0], rotation[2, 2]))
    roll, yaw = np.arctan2(-rotation[2, 0], rotation[2, 2]), np.arctan2(-rotation[0, 1], rotation[1, 1])
    return np.asarray(np.degrees([pitch, roll, yaw]))


def angle_gain(rotation: Array) -> Array:
    """(3, 3): what a small rotation vector about the axes of F, in radians, does to (pitch, roll, yaw) in degrees."""
    pitch, _, yaw = angles_deg(rotation)
    support, top = _about(2, yaw), _about(2, yaw) @ _about(0, pitch)
    axes = np.stack([support[:, 0], top[:, 1], np.array([0.0, 0.0, 1.0])], axis=1)
    return np.asarray(np.degrees(np.linalg.inv(axes)))
