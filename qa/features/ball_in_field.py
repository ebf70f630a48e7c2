"""One Winston-Lutz image: where the ball is, where the field is, and proof that the picture's orientation does not matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.ball import ball_centre
from qa.features.blob import find_ball
from qa.features.edges import Disc
from qa.features.field import field_centre
from qa.features.patch import rim_mm
from qa.features.position import Position
from qa.features.region import Region, locate
from qa.features.surface import Surface
from qa.features.turns import DihedralTurn
from qa.reading import AnalysisError

MARGIN_MM = 6.0  # of the crop around the field: the profiles end 3 mm outside, the rest is room for the spline
TURNED_MM = 0.01  # an answer may move by this (a fiftieth of the tightest published limit) or its own uncertainty when turned


@dataclass(frozen=True)
class Seen:
    """Ball and field in one image, and how far the answer (ball minus field) moved when the picture was turned, mm."""

    ball: Position
    field: Position
    region: Region
    turned_mm: float


def ball_in_field(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], turn: int = 7) -> Seen:
    """Ball and field of an image, mm in the pixel frame, tested for symmetry with the given turn (1 to 7).

    ``pitch_mm`` (row, column) on the isocentre plane. AnalysisError says why there is no answer: no field, no ball, two of either, a ball
    that reaches the field's edge, two algorithms that disagree, or an answer that depends on how the picture is turned.
    """
    region = locate(pixels, pitch_mm)
    ball, field = _measure(Surface.around(pixels, pitch_mm, region, MARGIN_MM), region)
    moved = _turned(pixels, pitch_mm, region, ball, field, DihedralTurn(turn))
    noise = float(np.linalg.norm((*ball.u_mm, *field.u_mm)))
    if moved > max(TURNED_MM, noise):
        raise AnalysisError(
            f"the answer moves by {moved:.3f} mm when the picture is turned: something in the image pulls on one side; look at the "
            "image and repeat the exposure"
        )
    return Seen(ball, field, region, moved)


def _measure(surface: Surface, region: Region) -> tuple[Position, Position]:
    ball = ball_centre(surface, region, find_ball(surface, region))
    return ball, field_centre(surface, region, Disc(ball.x_mm, ball.y_mm, rim_mm(ball.size_mm[0])))


def _turned(
    pixels: NDArray[np.float32], pitch_mm: tuple[float, float], region: Region, ball: Position, field: Position, turn: DihedralTurn
) -> float:
    """How far ball minus field moves when the part of the picture around the field is turned and everything is done again."""
    reach = float(np.hypot(*region.half_mm)) + 2 * MARGIN_MM
    r0, c0 = (max(0, int((region.centre_mm[1 - k] - reach) / pitch_mm[k])) for k in (0, 1))
    r1, c1 = (int((region.centre_mm[1 - k] + reach) / pitch_mm[k]) + 2 for k in (0, 1))
    crop = pixels[r0:r1, c0:c1]
    picture, pitch = turn.picture(crop), turn.pitch(pitch_mm)
    try:
        again = locate(picture, pitch)
        ball_again, field_again = _measure(Surface.around(picture, pitch, again, MARGIN_MM), again)
    except AnalysisError as error:
        raise AnalysisError(f"the picture can be measured one way round only (turned: {error}); repeat the exposure") from error
    (bx, by), (fx, fy) = (turn.back(p.x_mm, p.y_mm, crop.shape, pitch_mm) for p in (ball_again, field_again))
    return float(np.hypot((bx - fx) - (ball.x_mm - field.x_mm), (by - fy) - (ball.y_mm - field.y_mm)))
