"""This suite's answer to a scene, read from its file as a user's would be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.scenes import Scene
from qa import dicom, shots

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """What a program says of a scene: ball and field from the panel's centre pixel, (u, v) mm on the isocentre plane.

    ``u_mm`` is the standard uncertainty of ball minus field, None from a peer that states none; ``refused`` is why there is no answer.
    """

    ball_mm: Array | None = None
    field_mm: Array | None = None
    u_mm: Array | None = None
    refused: str = ""

    def error_mm(self, scene: Scene) -> Array:
        """Ball minus field, found minus true."""
        assert self.ball_mm is not None
        assert self.field_mm is not None
        return self.ball_mm - self.field_mm - scene.offset_mm


def image(path: Path) -> shots.Shot | shots.Unseen:
    """The one image of a file, measured."""
    with dicom.opened([path]) as batch:
        (acquisition,) = batch.acquisitions
        return shots.measure(acquisition.images[0], 7)


def answer(scene: Scene) -> Answer:
    """Ball and field of a scene with their uncertainty, or the reason why not."""
    with scene.file() as path:
        seen = image(path)
    if isinstance(seen, shots.Unseen):
        return Answer(refused=seen.reason)
    return Answer(seen.ball_mm, seen.field_mm, seen.offset_u_mm)
