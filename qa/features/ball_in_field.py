"""One Winston-Lutz image: where the ball is, where the field is, and proof that the picture's orientation does not matter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.features.ball import ball_centre
from qa.features.blob import Blob, find_ball
from qa.features.defects import mended
from qa.features.edges import Disc, Edges, Frame, moved
from qa.features.field import FEWEST_PAIRS, SHARES, field_centre
from qa.features.patch import rim_mm
from qa.features.position import Position
from qa.features.region import Region, locate
from qa.features.surface import Surface
from qa.features.turns import DihedralTurn
from qa.reading import AnalysisError

MARGIN_MM = 6.0  # of the crop around the field: the profiles end 3 mm outside, the rest is room for the spline
LARGEST_U_MM = 0.05  # four times this is 0.2 mm: where ball minus field may be that wrong, there is no answer
FRAME_STRIPS = 36  # pairs of profiles that say where a small field is before its ball is measured
SMALL_MM = 9.5  # half the width of a field whose penumbra reaches the ball's surroundings
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
    pixels, defects = mended(pixels, pitch_mm, region)
    if defects:
        region = locate(pixels, pitch_mm)  # a dead line cuts a small field in two
    ball, field = _measure(Surface.around(pixels, pitch_mm, region, MARGIN_MM), region)
    u = float(np.hypot(ball.u_mm, field.u_mm).max())
    if u > LARGEST_U_MM:
        raise AnalysisError(
            f"ball minus field is uncertain by {2 * u:.2f} mm: too noisy, or something covers an edge; look at the image and repeat the "
            "exposure"
        )
    turned_mm = _turned(pixels, pitch_mm, region, ball, field, DihedralTurn(turn))
    noise = float(np.linalg.norm((*ball.u_mm, *field.u_mm)))
    if turned_mm > max(TURNED_MM, noise):
        raise AnalysisError(
            f"the answer moves by {turned_mm:.3f} mm when the picture is turned: something in the image pulls on one side; look at the "
            "image and repeat the exposure"
        )
    if defects:
        ball = replace(ball, flags=(*ball.flags, f"defective lines or pixels filled in ({defects})"))
    return Seen(ball, field, region, turned_mm)


def _measure(surface: Surface, region: Region) -> tuple[Position, Position]:
    blob = find_ball(surface, region)
    if region.shape == "cone" or min(region.half_mm) < SMALL_MM:
        region = _centred(surface, region, blob)
    ball = ball_centre(surface, region, blob)
    return ball, field_centre(surface, region, Disc(ball.x_mm, ball.y_mm, rim_mm(ball.size_mm[0])))


def _centred(surface: Surface, region: Region, blob: Blob) -> Region:
    """The region laid over the field's own edges, to a hundredth of a millimetre.

    What a cone's beam adds to the ball's surroundings is a function of the distance from its centre. In a small field the surroundings
    reach the penumbra: a frame that is off by a coarse step takes more of it on one side than on the other, and the ball follows.
    """
    frame = Frame.of(region)
    for share in SHARES:
        edges = Edges.sample(surface, frame, Disc(blob.x_mm, blob.y_mm, rim_mm(blob.radius_mm)), FRAME_STRIPS, share)
        if len(edges.along_mm) < FEWEST_PAIRS:
            continue
        shift = edges.mirror()
        if not np.isfinite(shift.xy_mm).all():
            break
        fine = moved(frame, shift, edges)
        if region.shape == "cone":
            return replace(region, centre_mm=fine.centre_mm)
        return replace(region, centre_mm=fine.centre_mm, half_mm=fine.half_mm, angle_deg=fine.angle_deg)
    return region


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
