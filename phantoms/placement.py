"""A ball on the couch: where it stands, how it follows the couch, and what shadow it throws."""

from dataclasses import dataclass
from math import atan2, degrees, hypot

import numpy as np

from phantoms.clutter import Spindle
from phantoms.machine import Linac, Shot
from phantoms.rays import Point, Point3, Projected, project, to_gantry, turn
from phantoms.shadow import Shadow, Stem


@dataclass(frozen=True)
class Rod:
    """A straight round holder through the ball's centre line, along `direction` (any length; F, couch at 0 degrees).

    It begins at the ball's surface, or `start_mm` from the centre when given (negative: the ball is buried in it), and
    ends `length_mm` further. A MV beam sees it as a flat strip, a kV beam as round metal of `kv_mu_per_mm`. `outline`,
    (distance from the ball's centre, diameter) where the diameter changes its slope, takes the place of the width and
    both ends, and makes it round for both beams.
    """

    direction: Point3 = (0.0, -1.0, 0.0)
    width_mm: float = 2.5
    transmission: float = 0.87
    blur_mm: float = 0.6
    start_mm: float | None = None
    length_mm: float = 200.0
    mu_per_mm: float = 0.03  # of an outlined rod: steel in 6 MV
    kv_mu_per_mm: float = 0.8
    outline: tuple[Point, ...] = ()


@dataclass(frozen=True)
class BallSetup:
    """A ball that stands at `position_mm` = (x, y, z) in F while the couch is at 0 degrees and has not travelled.

    One ball for all beams: it takes `mu_per_mm` out of a MV beam and `kv_mu_per_mm` out of a kV beam. `blur_mm` serves
    machines that have no unsharpness of their own.
    """

    position_mm: Point3 = (0.0, 0.0, 0.0)
    diameter_mm: float = 8.0
    mu_per_mm: float = 0.10
    blur_mm: float = 0.6
    kv_mu_per_mm: float = 0.8  # steel in a hardened beam of 100 kV, as seen; tungsten 2 and more
    rods: tuple[Rod, ...] = ()


def ball_position(linac: Linac, setup: BallSetup, shot: Shot) -> Point3:
    """The ball's true place in F (mm)."""
    return carried(linac, setup.position_mm, shot)


def carried(linac: Linac, point_mm: Point3, shot: Shot) -> Point3:
    """Where the couch takes a point of F (couch at 0, not travelled): it travels, turns about its axis, wobbles."""
    moved = [p + k * t for p, k, t in zip(point_mm, linac.couch_scale, shot.travel_mm, strict=True)]
    axis = np.array(linac.couch_axis_mm)
    wobble = (turn(2 * shot.couch_deg) - np.eye(2)) @ (linac.couch_walkout_mm, 0.0)
    x, y = axis + turn(shot.couch_deg) @ (np.array(moved[:2]) - axis) + wobble
    return float(x), float(y), moved[2]


def shadows(linac: Linac, setup: BallSetup, shot: Shot) -> tuple[Shadow, tuple[Stem | Spindle, ...]]:
    """The ball and its holders as the source of this shot sees them."""
    centre, source = ball_position(linac, setup, shot), linac.source_uv_mm(shot)
    ball = project(to_gantry(centre, shot.gantry_deg), source, linac.sad_mm)
    mu = setup.kv_mu_per_mm if linac.radiation == "kV" else setup.mu_per_mm
    blur = linac.blur_mm(ball.magnification, setup.blur_mm)
    shadow = Shadow(*ball.uv_mm, setup.diameter_mm, mu, blur, ball.magnification)
    stems = [_stem(linac, setup, shot, centre, rod) for rod in setup.rods]
    return shadow, tuple(stem for stem in stems if stem is not None)


def _stem(linac: Linac, setup: BallSetup, shot: Shot, centre: Point3, rod: Rod) -> Stem | Spindle | None:
    """The rod's shadow on the isocentre plane; None where the rod lies along the ray and hides behind the ball."""
    x, y = turn(shot.couch_deg) @ rod.direction[:2]
    along = np.array([x, y, rod.direction[2]]) / np.linalg.norm(rod.direction)
    start = setup.diameter_mm / 2 if rod.start_mm is None else rod.start_mm
    outline = rod.outline or ((start, rod.width_mm), (start + rod.length_mm, rod.width_mm))

    def seen(distance: float) -> Projected:
        px, py, pz = np.array(centre) + distance * along
        point = to_gantry((float(px), float(py), float(pz)), shot.gantry_deg)
        return project(point, linac.source_uv_mm(shot), linac.sad_mm)

    ball, points = seen(0.0), [seen(distance) for distance, _ in outline]
    (u, v), last = points[0].uv_mm, points[-1].uv_mm
    length = hypot(last[0] - u, last[1] - v)
    if length < max(diameter for _, diameter in outline):
        return None
    direction = degrees(atan2(last[1] - v, last[0] - u))
    blur = linac.blur_mm(ball.magnification, rod.blur_mm)
    if linac.radiation == "MV" and not rod.outline:
        return Stem(u, v, direction, rod.width_mm * ball.magnification, rod.transmission, blur, length_mm=length)
    distances = [hypot(point.uv_mm[0] - u, point.uv_mm[1] - v) for point in points]
    diameters = [point.magnification * diameter for point, (_, diameter) in zip(points, outline, strict=True)]
    mu = rod.kv_mu_per_mm if linac.radiation == "kV" else rod.mu_per_mm
    return Spindle(u, v, direction, tuple(zip(distances, diameters, strict=True)), mu, blur, ball.magnification)
