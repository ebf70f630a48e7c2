"""All balls of a multi-ball phantom in a volume, each measured as a single ball is: by two algorithms, or refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa.certificate import Ball, Certificate
from qa.features.place import Place, Triple
from qa.features.volume_ball import RADIUS_MM, RADIUS_SHARE, ROUGH_MM, ROUGH_SHARE, measure
from qa.features.volume_find import Piece, pieces
from qa.reading import AnalysisError

FAINT = 0.2  # of the strongest piece's contrast: balls of one phantom are of one material, the smallest fills a block by a third
MOST = 3  # times as many pieces as there are balls are measured; more is a phantom of another kind


def find(voxels: NDArray[np.float32], pitch_mm: Triple, certificate: Certificate) -> tuple[list[Place], list[str]]:
    """Every ball of a size that the certificate has, and in words what looked like one and could not be measured.

    AnalysisError when there is none, or more things than the phantom could show.
    """
    places: list[Place] = []
    refused: list[str] = []
    for sign in (1, -1):
        balls = [ball for ball in certificate.balls if ball.cavity == (sign < 0)]
        found = _like(pieces(voxels, pitch_mm, sign), balls) if balls else []
        if len(found) > MOST * len(certificate.balls):
            raise AnalysisError(
                f"{len(found)} small things in the volume may be balls, {certificate.title} has {len(certificate.balls)}: "
                "is it the phantom of this certificate, and alone in the scan?"
            )
        for piece in found:
            try:
                place = measure(voxels, pitch_mm, piece, None)
            except AnalysisError as error:
                refused.append(str(error))
                continue
            again = any(np.linalg.norm(np.subtract(place.index_mm, other.index_mm)) < other.radius_mm for other in places)
            if not again and any(fits(place, ball) for ball in balls):
                places.append(place)
    if not places:
        more = f" ({refused[0]})" if refused else ""
        raise AnalysisError(f"no ball of {certificate.title} in the volume{more}: check the phantom and scan it again")
    return places, refused


def _like(found: Sequence[Piece], balls: Sequence[Ball]) -> list[Piece]:
    """The pieces that may be one of the balls: none too large, and none far fainter. A piece may be but the brightest block of a ball."""
    largest = max(ball.diameter_mm for ball in balls) / 2
    fit = [piece for piece in found if piece.radius_mm - largest < ROUGH_SHARE * largest + ROUGH_MM]
    return [piece for piece in fit if piece.contrast >= FAINT * fit[0].contrast]


def fits(place: Place, ball: Ball) -> bool:
    """Whether what was found is of the ball's size, and a ball or cavity as it is."""
    radius = ball.diameter_mm / 2
    return ball.cavity == (place.shape == "cavity") and abs(place.radius_mm - radius) < RADIUS_SHARE * radius + RADIUS_MM
