"""The ball in an open image, by two algorithms that must agree: dark metal or a bright cavity, on a stem, over an edge, beside metal.

The same two algorithms as for a ball in a small field, on the linear signal: the centre about which the picture is a function of the
distance (`patch.Patch`), and a circle through the half-depth points of rays (`rim.rim`). See docs/physics/ball_features.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qa.features.ball_size import own_radius_mm
from qa.features.open_arcs import arc, on_the_stem
from qa.features.open_candidates import RADII_MM, Candidate, Grid, candidates, look, normalised
from qa.features.open_patch import Around, surroundings
from qa.features.patch import FREE_MM, ProfileFit, rim_mm
from qa.features.position import Array, Estimate, Position
from qa.features.rim import RAYS, Rim, rim
from qa.features.turns import DihedralTurn
from qa.reading import AnalysisError

SIZE_SHARE, SIZE_MM = 0.15, 0.4  # a spot is the ball whose radius is given when it is within this (the larger) of it
WHOLE, HALF = 0.6, 0.4  # share of the rim that is a circle: a ball on a stem has 0.75 or more, half a ball 0.5, a corner less
HANDLE = 0.7  # of a rim, at most, is a circle where a stem ends or widens; of a second ball on the stem 0.75 or more
RIVAL_DEPTH, RIVAL_SIZE = 0.4, 4.0  # a second round spot of this share of the depth and within this factor of the size is a second ball
ARC_SIZES = 0.6, 1.5  # of the ball's radius: a round shape of which part is seen and that is as large as this may be the ball
SMALLEST_MM, LARGEST_MM = 0.4, 9.0  # half-depth radii
SETTLED_MM, CUT_SHARE = 0.05, 0.02  # a cut this near (centre; radius, relative) gives the same answer to a micrometre or two
AGREE_MM = 0.05  # nearer than this the two algorithms never count as in conflict: a tenth of the tightest published limit
FAR_APART_MM = 0.1  # further apart than this they disagree, unless the ball is so faint that the profile's own 3 u are more
KEPT_RAYS, LOOSE = 0.6, 0.015  # of the rays in view must lie on one circle where they scatter by more than this share of the radius
ROUND, NOISY = 0.04, 12.0  # scatter of the rim over the radius, or this many uncertainties of the centre
STRANGE, ROUGH = 0.025, 2.5  # what no ball explains, over its depth and over the noise; real images of a steel ball show 0.012
FEWEST_RAYS = 24  # of 72; how much of the rim must be in view all round is asked before
TURNED_MM = 0.01  # an answer may move by this or its own uncertainty when the picture is turned
SHAKY, SHAKY_U = 0.05, 1.3  # where the noise exceeds this share of the depth, drawn balls scatter by this factor more than the fit says
ASTRAY_MM = 0.3  # the turned picture is begun that far from the answer, so that it has to be found again
MODEL_U_MM = 0.001  # drawn balls without noise are up to this far off: knots against a rim as sharp as a pixel, the stem's own blur
UNCERTAIN_MM = 0.05  # a ball that is known no better is so faint that noise looks like one: drawn ones were 0.4 mm off
EDGE_U_MM = 0.004  # an edge across the ball is straight and alike on both sides of it to about this
SATURATED_U_MM = 0.01  # a slope of 0.3 % per mm under a clipped open field moves the half-depth points by this


def open_ball(
    pixels: NDArray[np.float32],
    pitch_mm: tuple[float, float],
    turn: int = 7,
    radius_mm: float | None = None,
    sign: int | None = None,
) -> Position:
    """The centre of the one ball of an open image, mm in the pixel frame, tested for symmetry with the given turn (1 to 7).

    ``pixels`` (rows, columns), larger = more radiation; ``pitch_mm`` (row, column) on the isocentre plane. ``radius_mm`` is the ball's own
    radius where it is known: spots that differ by more than 15 % and 0.4 mm are set aside. ``sign`` -1 looks for dark balls, +1 for
    bright ones (a cavity), None for dark ones first. ``size_mm`` of the answer is (radius at half depth, the ball's own radius).
    AnalysisError when there is no ball, more than one, when it is hidden or cut, when two algorithms differ, or when the answer moves with
    the picture.
    """
    signal = normalised(pixels)
    if sign is None:
        try:
            return _one_sign(signal, pitch_mm, turn, radius_mm, -1)
        except _AbsentError as dark:
            try:
                return _one_sign(signal, pitch_mm, turn, radius_mm, +1)
            except _AbsentError:
                raise AnalysisError(str(dark)) from None
    return _one_sign(signal, pitch_mm, turn, radius_mm, sign)


class _AbsentError(AnalysisError):
    """No ball of this sign."""


def _one_sign(signal: Grid, pitch_mm: tuple[float, float], turn: int, radius_mm: float | None, sign: int) -> Position:

    def handle(other: Candidate, ball: Candidate) -> bool:
        place = other.x_mm, other.y_mm, other.radius_mm
        return other.arc < HANDLE and on_the_stem(signal, pitch_mm, sign, place, ball)

    spot = choose(candidates(signal, pitch_mm, sign, _scales(radius_mm)), radius_mm, handle)
    _refuse_another(arc(signal, pitch_mm, sign, spot, _rivals_mm(spot, radius_mm)), spot)
    found = _centre(signal, pitch_mm, spot, sign)
    moved = _turned(signal, pitch_mm, found, sign, DihedralTurn(turn))
    noise = float(np.hypot(*found.u_mm))
    if moved > max(TURNED_MM, noise):
        raise AnalysisError(
            f"the ball's centre moves by {moved:.3f} mm when the picture is turned: something in the image pulls on one side; look at the "
            "image and repeat the exposure"
        )
    turned = float(moved / np.sqrt(12))
    u = float(np.hypot(found.u_mm[0], turned)), float(np.hypot(found.u_mm[1], turned))
    return replace(found, u_mm=u, budget={**found.budget, "turned picture": (turned, turned)})


def choose(spots: list[Candidate], radius_mm: float | None, handle: Callable[[Candidate, Candidate], bool]) -> Candidate:
    """The one spot that is the ball; AnalysisError when none is, when it is partly hidden, or when it could be another one.

    ``handle`` says whether a first spot is part of what a second one is held by.
    """
    if radius_mm is not None:
        spots = [s for s in spots if abs(own_radius_mm(s.radius_mm, s.depth) - radius_mm) <= max(SIZE_SHARE * radius_mm, SIZE_MM)]
    whole = [s for s in spots if s.arc >= WHOLE]
    if not whole:
        if spots and spots[0].arc >= HALF:
            raise _AbsentError("no whole ball found: a round shape is partly hidden or cut off; clear the view and repeat the exposure")
        size = "" if radius_mm is None else f" of {2 * radius_mm:.1f} mm"
        raise _AbsentError(f"no ball{size} found in the image; check that the phantom is in the beam and its ball in the open field")
    best = whole[0]
    hidden = next((s for s in spots if s.response > best.response and HALF <= s.arc < WHOLE), None)
    if hidden is not None:
        raise AnalysisError("a round shape that is partly hidden stands out more than the ball; clear the view and repeat the exposure")
    for other in whole[1:]:
        if other.depth > RIVAL_DEPTH * best.depth and 1 / RIVAL_SIZE < other.radius_mm / best.radius_mm < RIVAL_SIZE:
            if handle(other, best):
                continue
            apart = float(np.hypot(other.x_mm - best.x_mm, other.y_mm - best.y_mm))
            raise AnalysisError(
                f"two balls in the image, {apart:.0f} mm apart (of about {2 * best.radius_mm:.1f} and {2 * other.radius_mm:.1f} mm); "
                + ("take one away, or say how large the phantom's ball is" if radius_mm is None else "take one away")
            )
    return best


def _scales(radius_mm: float | None) -> tuple[float, ...]:
    """The radii to look for: all, or those next to a known one."""
    if radius_mm is None:
        return RADII_MM
    return tuple(r for r in RADII_MM if 0.45 < r / radius_mm < 1.8) or RADII_MM


def _rivals_mm(spot: Candidate, radius_mm: float | None) -> tuple[float, float]:
    """The radii of what may be mistaken for the ball: any like it, or where the ball's own is known only those within the same limits."""
    if radius_mm is None:
        return ARC_SIZES[0] * spot.radius_mm, ARC_SIZES[1] * spot.radius_mm
    off = max(SIZE_SHARE * radius_mm, SIZE_MM)
    return min(spot.radius_mm, radius_mm) - off, max(spot.radius_mm, radius_mm) + off


def _refuse_another(circle: tuple[float, float, float] | None, spot: Candidate) -> None:
    """AnalysisError when there is another round shape."""
    if circle is not None:
        apart = float(np.hypot(circle[0] - spot.x_mm, circle[1] - spot.y_mm))
        raise AnalysisError(
            f"{apart:.0f} mm from the ball there is another round shape about as large ({2 * circle[2]:.1f} mm), whole or partly hidden; "
            "either may be the ball; clear the view or take one away, and repeat the exposure"
        )


def _centre(signal: Grid, pitch_mm: tuple[float, float], spot: Candidate, sign: int) -> Position:
    """Both algorithms on the surroundings of a spot, cut out anew until the answer no longer depends on the cut."""
    centre, radius = np.array([spot.x_mm, spot.y_mm]), spot.radius_mm
    for _ in range(4):
        around = surroundings(signal, pitch_mm, centre, radius, sign)
        fit = around.patch.fit()
        if not (SMALLEST_MM < fit.radius_mm < LARGEST_MM) or np.hypot(*(fit.centre_mm - (spot.x_mm, spot.y_mm))) > spot.radius_mm:
            raise AnalysisError("the round spot is not a ball: its centre cannot be settled; check the phantom and repeat the exposure")
        moved, grown = float(np.hypot(*(fit.centre_mm - centre))), abs(fit.radius_mm / radius - 1)
        centre, radius = fit.centre_mm, fit.radius_mm
        if moved < SETTLED_MM and grown < CUT_SHARE:
            break
    return _join(around, fit, rim(around.patch, fit))


def _join(around: Around, fit: ProfileFit, circle: Rim) -> Position:
    """Both answers as one position, or a refusal when they disagree or the spot is not round."""
    strange = fit.misfit > max(STRANGE * fit.depth, ROUGH * max(fit.noise, around.noise))
    scattered = circle.scatter_mm > max(ROUND * fit.radius_mm, NOISY * float(fit.u_mm.max()))
    lost = circle.rays < KEPT_RAYS * RAYS * around.seen and circle.scatter_mm > LOOSE * fit.radius_mm
    if circle.rays < FEWEST_RAYS or lost or strange or scattered:
        raise AnalysisError("the round spot is not a ball, or part of it is hidden or covered; clear the view and repeat the exposure")
    apart = np.abs(fit.centre_mm - circle.centre_mm)
    u_apart = np.hypot(fit.u_mm, np.maximum(circle.u_mm, 2 * fit.u_mm))  # a rim uses half the information of the whole profile
    if (apart > np.maximum(np.minimum(4 * u_apart, np.maximum(FAR_APART_MM, 3 * fit.u_mm)), AGREE_MM)).any():
        raise AnalysisError(
            f"two ways to find the ball's centre differ by {apart.max():.2f} mm: something else is on or beside the ball; look at the "
            "image and repeat the exposure"
        )
    noise = fit.u_mm * (SHAKY_U if fit.noise > SHAKY * fit.depth else 1.0)
    method = np.maximum(apart - 2 * u_apart, 0) / np.sqrt(3)
    extra = EDGE_U_MM * ("couch edge at the ball" in around.flags) + SATURATED_U_MM * ("open field saturated" in around.flags)
    parts: dict[str, Array] = {"ball: image noise": noise, "ball: rim definition": np.hypot(method, MODEL_U_MM)}
    if extra:
        parts["ball: open field"] = np.full(2, extra)
    u = np.sqrt(np.sum([part**2 for part in parts.values()], axis=0))
    if u.max() > UNCERTAIN_MM:
        raise AnalysisError(
            f"the ball's centre is uncertain by {u.max():.2f} mm: too noisy or too faint; repeat the exposure with more radiation or "
            "a ball of higher contrast"
        )
    return Position(
        x_mm=float(fit.centre_mm[0]),
        y_mm=float(fit.centre_mm[1]),
        u_mm=(float(u[0]), float(u[1])),
        budget={name: (float(part[0]), float(part[1])) for name, part in parts.items()},
        second=Estimate(
            "rim circle", (float(circle.centre_mm[0]), float(circle.centre_mm[1])), (float(circle.u_mm[0]), float(circle.u_mm[1]))
        ),
        size_mm=(around.half_mm, own_radius_mm(around.half_mm, around.depth)),
        shape="ball",
        flags=around.flags,
    )


def _turned(signal: Grid, pitch_mm: tuple[float, float], found: Position, sign: int, turn: DihedralTurn) -> float:
    """How far the centre moves when the part of the picture around the ball is turned and everything is done again."""
    reach = 2 * rim_mm(found.size_mm[0]) + 2 * FREE_MM
    low = [max(0, int((at - reach) / p)) for at, p in zip((found.y_mm, found.x_mm), pitch_mm, strict=True)]
    high = [int((at + reach) / p) + 2 for at, p in zip((found.y_mm, found.x_mm), pitch_mm, strict=True)]
    crop = signal[low[0] : high[0], low[1] : high[1]]
    picture, pitch = turn.picture(crop), turn.pitch(pitch_mm)
    corner = low[1] * pitch_mm[1], low[0] * pitch_mm[0]
    start = _forth(turn, found.x_mm - corner[0] + ASTRAY_MM, found.y_mm - corner[1] - ASTRAY_MM, crop.shape, pitch_mm)
    try:
        seen = look(picture, pitch, sign, start, found.size_mm[0])
        if seen is None:
            raise AnalysisError("no rim is found again")
        again = _centre(picture, pitch, Candidate(*seen[0], *seen[1:], 0.0), sign)
    except AnalysisError as error:
        raise AnalysisError(f"the picture can be measured one way round only (turned: {error}); repeat the exposure") from error
    x, y = turn.back(again.x_mm, again.y_mm, crop.shape, pitch_mm)
    return float(np.hypot(x + corner[0] - found.x_mm, y + corner[1] - found.y_mm))


def _forth(turn: DihedralTurn, x: float, y: float, shape: tuple[int, int], pitch_mm: tuple[float, float]) -> tuple[float, float]:
    """Where a position of a picture of that shape and pitch is in the turned picture: the inverse of `DihedralTurn.back`."""
    if turn.number & 4:
        x, y, shape, pitch_mm = y, x, shape[::-1], pitch_mm[::-1]
    return (
        (shape[1] - 1) * pitch_mm[1] - x if turn.number & 2 else x,
        (shape[0] - 1) * pitch_mm[0] - y if turn.number & 1 else y,
    )
