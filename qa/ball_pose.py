"""The pose of a certified ball phantom in a volume: its balls found, named, and fitted rigidly.

Physics: docs/physics/couch_6dof.md, sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import ball_position, rigid
from qa.acquisition import Volume
from qa.ball_match import Matched, Seen, match
from qa.ball_position import SCALE
from qa.certificate import Certificate
from qa.features.volume_balls import find
from qa.rigid import Pose

Array = NDArray[np.float64]
CERTIFICATE, VOXELS = "certificate", "voxel scale"


@dataclass(frozen=True)
class Posed:
    """A phantom in a volume: its balls by name, its pose, and what a reader should know of them.

    ``second_mm`` (n, 3) are the balls' centres in F as the second algorithm sees them.
    """

    volume: Volume
    certificate: Certificate
    balls: tuple[Matched, ...]
    pose: Pose
    second_mm: Array
    flags: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The balls that were found, in the certificate's order."""
        return tuple(one.ball.name for one in self.balls)

    @property
    def scale(self) -> tuple[float, float]:
        """How much larger than certified the phantom looks, relative, and the standard uncertainty from balls and certificate."""
        here = np.array([one.ball.place_mm for one in self.balls])
        there = np.array([one.point_mm for one in self.balls])
        arms = (here - here.mean(axis=0)) @ self.pose.rotation.T
        own = np.array([one.covariance + np.diag(np.array(one.ball.u_mm) ** 2) for one in self.balls])
        square = float((arms**2).sum())
        return float((arms * there).sum()) / square - 1, float(np.sqrt(np.einsum("ni,nij,nj->", arms, own, arms))) / square


def posed(volume: Volume, voxels: NDArray[np.float32], certificate: Certificate) -> Posed:
    """The phantom's pose in F of the imaging system. AnalysisError says what of it cannot be seen, or that it is another one."""
    places, _ = find(voxels, volume.pitch_mm, certificate)
    seen = []
    for place in places:
        position = ball_position.from_volume(volume, place.index_mm, place.budget)
        own = {name: part for name, part in position.components.items() if name != VOXELS}
        seen.append(Seen(place, position.point_mm, own))
    balls, flags = match(seen, certificate)
    second = np.array([ball_position.from_volume(volume, one.place.second, {}).point_mm for one in balls])
    flags = tuple(dict.fromkeys([*flags, *(flag for one in balls for flag in one.place.flags)]))
    return Posed(volume, certificate, tuple(balls), fitted(balls, certificate), second, flags)


def fitted(balls: Sequence[Matched], certificate: Certificate) -> Pose:
    """The pose from these balls: what the certificate and the scan's scale do to it is shared with other poses of that phantom and day."""
    here, there = np.array([one.ball.place_mm for one in balls]), np.array([one.point_mm for one in balls])
    rotation, _ = rigid.kabsch(here, there)
    names = dict.fromkeys(name for one in balls for name in one.components)
    own = {name: np.array([one.components.get(name, np.zeros((3, 3))) for one in balls]) for name in names}
    placed = np.zeros((len(balls), 3, len(certificate.balls), 3))
    for k, one in enumerate(balls):
        placed[k, :, certificate.balls.index(one.ball), :] = rotation * np.array(one.ball.u_mm)
    scaled = SCALE * there[:, :, None] * np.eye(3)
    return rigid.fit(here, there, own, {CERTIFICATE: placed.reshape(len(balls), 3, -1), VOXELS: scaled})


def change(before: Posed, after: Posed) -> tuple[Pose, tuple[Array, Array], Array]:
    """The motion between two scans, from the balls that both show, so that the certificate drops out; a second way to it; those balls.

    The second way is rotation and translation between the second algorithm's centres, without any certificate. The balls (n, 3) are where
    they were before. AnalysisError when fewer than three balls are in both.
    """
    common = [name for name in before.names if name in after.names]
    first, last = ([one for one in posed.balls if one.ball.name in common] for posed in (before, after))
    motion = rigid.change(fitted(first, before.certificate), fitted(last, after.certificate))
    start, end = (p.second_mm[[p.names.index(name) for name in common]] for p in (before, after))
    return motion, rigid.kabsch(start, end), np.array([one.point_mm for one in first])
