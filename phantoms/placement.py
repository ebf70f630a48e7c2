"""A ball on the couch: where it stands, how it follows the couch, and what shadow it throws."""

from dataclasses import dataclass
from math import atan2, degrees, hypot

import numpy as np

from phantoms.machine import Linac, Shot
from phantoms.rays import Point3, project, to_gantry, turn
from phantoms.shadow import Shadow, Stem


@dataclass(frozen=True)
class Rod:
    """A straight round holder through the ball's centre line, along `direction` (any length; F, couch at 0 degrees).

    It begins at the ball's surface, or `start_mm` from the centre when given (negative: the ball is buried in it), and
    ends `length_mm` further. Drawn as a flat strip.
    """

    direction: Point3 = (0.0, -1.0, 0.0)
    width_mm: float = 2.5
    transmission: float = 0.87
    blur_mm: float = 0.6
    start_mm: float | None = None
    length_mm: float = 200.0


@dataclass(frozen=True)
class BallSetup:
    """A ball that stands at `position_mm` = (x, y, z) in F while the couch is at 0 degrees and has not travelled."""

    position_mm: Point3 = (0.0, 0.0, 0.0)
    diameter_mm: float = 8.0
    mu_per_mm: float = 0.10
    blur_mm: float = 0.6
    rods: tuple[Rod, ...] = ()


def ball_position(linac: Linac, setup: BallSetup, shot: Shot) -> Point3:
    """The ball's true place in F (mm): carried by the couch as it travels, turned about the couch's axis, wobbled."""
    moved = [p + k * t for p, k, t in zip(setup.position_mm, linac.couch_scale, shot.travel_mm, strict=True)]
    axis = np.array(linac.couch_axis_mm)
    wobble = (turn(2 * shot.couch_deg) - np.eye(2)) @ (linac.couch_walkout_mm, 0.0)
    x, y = axis + turn(shot.couch_deg) @ (np.array(moved[:2]) - axis) + wobble
    return float(x), float(y), moved[2]


def shadows(linac: Linac, setup: BallSetup, shot: Shot) -> tuple[Shadow, tuple[Stem, ...]]:
    """The ball and its holders as the source of this shot sees them."""
    centre, source = ball_position(linac, setup, shot), linac.source_uv_mm(shot)
    ball = project(to_gantry(centre, shot.gantry_deg), source, linac.sad_mm)
    shadow = Shadow(*ball.uv_mm, setup.diameter_mm, setup.mu_per_mm, setup.blur_mm, ball.magnification)
    stems = [_stem(linac, setup, shot, centre, rod) for rod in setup.rods]
    return shadow, tuple(stem for stem in stems if stem is not None)


def _stem(linac: Linac, setup: BallSetup, shot: Shot, centre: Point3, rod: Rod) -> Stem | None:
    """The rod's strip on the isocentre plane; None where the rod lies along the ray and hides behind the ball."""
    x, y = turn(shot.couch_deg) @ rod.direction[:2]
    along = np.array([x, y, rod.direction[2]]) / np.linalg.norm(rod.direction)
    start = setup.diameter_mm / 2 if rod.start_mm is None else rod.start_mm

    def seen(distance: float) -> tuple[float, float]:
        px, py, pz = np.array(centre) + distance * along
        point = to_gantry((float(px), float(py), float(pz)), shot.gantry_deg)
        return project(point, linac.source_uv_mm(shot), linac.sad_mm).uv_mm

    ball = project(to_gantry(centre, shot.gantry_deg), linac.source_uv_mm(shot), linac.sad_mm)
    first, last = seen(start), seen(start + rod.length_mm)
    length = hypot(last[0] - first[0], last[1] - first[1])
    if length < rod.width_mm:
        return None
    direction = degrees(atan2(last[1] - first[1], last[0] - first[0]))
    return Stem(*first, direction, rod.width_mm * ball.magnification, rod.transmission, rod.blur_mm, length_mm=length)
