"""Views of one ball from several sides that contradict each other along y, which every gantry angle shows.

Physics: docs/physics/daily_igrt.md, section 8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa.angles import same
from qa.ball_images import BallImage
from qa.ball_position import ONE_PLACE_MM, REPEAT_MM

TORN_SIGMAS = 4.0  # both views of a move along y further apart than that, and than machines repeat, are not of one move
TORN = "the ball or the couch was moved within a pair, or the images show two balls; take both pairs again"


def torn_within(images: Sequence[BallImage]) -> str:
    """Which two views of one look see the ball at places along y that imagers' sag does not explain; "" when none do."""
    for k, seen in enumerate(images):
        for other in images[:k]:
            if abs(float(seen.ball_mm[1] - other.ball_mm[1])) > ONE_PLACE_MM:
                return (
                    f"the ball is at {other.ball_mm[1]:+.2f} mm along y as {other.image.name} shows it and at {seen.ball_mm[1]:+.2f} mm as "
                    f"{seen.image.name} does: {TORN}"
                )
    return ""


def torn(first: Sequence[BallImage], last: Sequence[BallImage]) -> str:
    """Why the views of the ball's move along y, one from each angle, are not of one move. What imagers sag drops out of a move."""
    moves = [
        (b.image.name, float(b.ball_mm[1] - a.ball_mm[1]), float(np.hypot(a.u_mm[1], b.u_mm[1])))
        for a in first
        for b in last
        if same(a.image.gantry_deg, b.image.gantry_deg) and a.image.radiation == b.image.radiation
    ]
    for k, (name, move, u) in enumerate(moves):
        for other, its, its_u in moves[:k]:
            if abs(move - its) > max(REPEAT_MM, TORN_SIGMAS * float(np.hypot(u, its_u))):
                return f"the ball moved along y by {its:+.2f} mm as {other} shows it and by {move:+.2f} mm as {name} does: {TORN}"
    return ""
