"""What a volume shows of the couch's height: one ball, or the middle of a certified phantom. docs/physics/couch_sag.md, section 4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qa import ball_pose, ball_position, couch_stops
from qa.acquisition import Volume
from qa.ball_moves import Scanned
from qa.ball_pose import Posed
from qa.ball_position import BallPosition
from qa.couch_stops import Looked
from qa.reading import AnalysisError
from qa.rigid import FEWEST, cross
from qa.shots import RECEPTOR_MM

Array = NDArray[np.float64]
IMAGER = "imager position"


def ball(volume: Volume) -> Looked:
    """The one ball. AnalysisError or DicomError says why there is none."""
    if reason := ball_position.elsewhere(volume):
        raise AnalysisError(reason)
    position, second, width = couch_stops.ball_in(volume)
    return replace(position, components=dict(position.components) | {IMAGER: np.eye(3) * RECEPTOR_MM**2}), second, width


class Phantom:
    """The middle of those balls of a certified phantom that all scans show, in each of them."""

    def __init__(self, scans: Sequence[Scanned]) -> None:
        """The scans of a day."""
        self.posed = {scan.volume.series_instance_uid: scan.posed for scan in scans}
        names = [one.names for one in self.posed.values() if isinstance(one, Posed)]
        self.common = [name for name in (names[0] if names else ()) if all(name in others for others in names)]

    def __call__(self, volume: Volume) -> Looked:
        """As ``ball``; which phantom it is, the certificate decides."""
        posed = self.posed[volume.series_instance_uid]
        if isinstance(posed, str):
            raise AnalysisError(posed)
        if len(self.common) < FEWEST:
            raise AnalysisError(
                f"only {len(self.common)} balls are seen in all scans: {FEWEST} are needed; scan with the whole phantom in view"
            )
        balls = [one for one in posed.balls if one.ball.name in self.common]
        pose = ball_pose.fitted(balls, posed.certificate)
        middle = np.mean([one.ball.place_mm for one in balls], axis=0)
        gain = np.hstack([-cross(pose.rotation @ middle), np.eye(3)])
        parts = {name: gain @ part @ gain.T for name, part in pose.own.items()} | {IMAGER: np.eye(3) * RECEPTOR_MM**2}
        none = np.zeros((0, 2))
        second = posed.second_mm[[posed.names.index(name) for name in self.common]].mean(axis=0)
        return BallPosition(pose.moved(middle), parts, none, none), second, None
