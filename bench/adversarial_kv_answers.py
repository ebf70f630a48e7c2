"""Both programs' answers to an open kV image: the ball from the panel's centre, (u, v) mm on the isocentre plane."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from bench.adversarial_kv import KvDraft
from bench.ours import Answer
from bench.scenes import Scene
from qa.features.open_ball import open_ball
from qa.reading import AnalysisError

Array = NDArray[np.float64]
TOLERANCE_MM, WINDOW_MM = 1.0, 40.0  # of the radius, and of the square to look in, that pylinac is told


def ours(draft: KvDraft, scene: Scene, turn: int) -> Answer:
    """`open_ball`, told the radius where the draft says so."""
    pitch = _pitch_mm(scene)
    try:
        ball = open_ball(scene.pixels.astype(np.float32), (float(pitch[1]), float(pitch[0])), turn, draft.told_mm)
    except AnalysisError as error:
        return Answer(refused=str(error))
    return Answer(_from_centre(scene, np.array([ball.x_mm, ball.y_mm])), np.zeros(2), np.array(ball.u_mm))


def peer(draft: KvDraft, scene: Scene) -> Answer:
    """pylinac's `SizedDiskLocator`: always told the radius, and a window about the true place, moved by up to 5 mm."""
    balls = draft.view.balls
    radius = balls[0].diameter_mm / 2 if balls else 4.0
    near = np.round(np.array(draft.centres[0] if draft.centres else (0.0, 0.0)) / 10) * 10
    pitch = float(_pitch_mm(scene)[0])
    place = near * (1, -1) + _middle_mm(scene)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pylinac.core.image import ArrayImage
            from pylinac.metrics.image import SizedDiskLocator

            locator = SizedDiskLocator.from_physical(
                expected_position_mm=(float(place[0]), float(place[1])),
                search_window_mm=(WINDOW_MM, WINDOW_MM),
                radius_mm=radius,
                radius_tolerance_mm=TOLERANCE_MM,
            )
            (point,) = ArrayImage(scene.pixels.astype(np.float64), dpi=25.4 / pitch).compute(metrics=[locator])
    except Exception as error:  # a peer may fail as it likes: it is counted as refused
        return Answer(refused=f"{type(error).__name__}: {error}")
    return Answer(_from_centre(scene, np.array([point.x, point.y]) * pitch), np.zeros(2))


def _pitch_mm(scene: Scene) -> Array:
    """(x, y) on the isocentre plane."""
    return np.array(scene.view.panel.pitch_mm[::-1]) * scene.view.sad_mm / scene.view.sid_mm


def _middle_mm(scene: Scene) -> Array:
    return np.array(scene.view.panel.centre_px[::-1]) * _pitch_mm(scene)


def _from_centre(scene: Scene, place_mm: Array) -> Array:
    return (place_mm - _middle_mm(scene)) * (1, -1)
