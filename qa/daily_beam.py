"""Imaging against the beam: the ball of the last look in every MV image of a collimated field: docs/physics/daily_igrt.md, section 6."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Image
from qa.angles import same
from qa.ball_day import Day
from qa.ball_images import BallImage
from qa.ball_looks import Look, Route, another, apart
from qa.ball_position import BallPosition, project
from qa.ball_values import State, distance
from qa.couch_move import couch_move
from qa.reading import NotMeasured, Quantity, Reading

Array = NDArray[np.float64]
TURNED = "{} MV images at other couch angles were not compared"
NO_BEAM = "no MV image shows the ball in a collimated field: take one at any gantry angle"
ELSEWHERE = "all {} MV images were taken at other couch angles: take one with the couch at {:.1f} degrees, as for the other images"


def coincidence(quantity: Quantity, day: Day, route: Route, at: State, flags: tuple[str, ...]) -> Reading:
    """The largest distance over the MV images of a collimated field. One that cannot be compared may have been the largest."""
    look = route.looks[-1]
    if isinstance(look.position, str):
        return NotMeasured(quantity, str(look.position), at)
    found, reasons, turned = [], [], 0
    for item in day.of("mv"):
        turned += len(item.turned)
        for seen in item.images:
            if seen.shot is None:
                continue
            one = _against_beam(look.position, look, seen)
            if isinstance(one, str):
                reasons.append(one)
            else:
                found.append((*one, seen.image))
    if not found:
        why = "; ".join(dict.fromkeys(reasons)) or (ELSEWHERE.format(turned, look.couch_deg) if turned else NO_BEAM)
        return NotMeasured(quantity, why, at)
    vector, parts, image = max(found, key=lambda one: float(np.hypot(*one[0])))
    at = {**at, "gantry_deg": image.gantry_deg}
    late = [_when(look, used) for *_, used in found]
    lost = [item.missing for item in day.of("mv")]
    missing = "; ".join(dict.fromkeys(filter(None, (route.missing, *lost, *late, *reasons))))
    return distance(quantity, vector, parts, at, (*flags, TURNED.format(turned)) if turned else flags, missing=missing)


def _when(look: Look, image: Image) -> str:
    """Why an MV image may be of another set-up than the look; "" when it is of the same."""
    if look.acquired is None or image.acquired is None:
        return "the files do not say when they were taken, so nobody knows whether the MV images are of the same set-up"
    return apart(look.acquired, image.acquired)


def _against_beam(position: BallPosition, look: Look, seen: BallImage) -> tuple[Array, dict[str, Array]] | str:
    """Imaging isocentre minus the beam's axis in one MV image, (2,) mm, and named covariances (2, 2); or why not."""
    assert seen.shot is not None
    image = seen.image
    if not same(image.couch_deg, look.couch_deg):
        return f"{image.name}: the couch stood at {image.couch_deg:.1f} degrees, at {look.couch_deg:.1f} for the other images"
    if (other := another(look.diameter_mm, seen.diameter_mm)) is not None:
        return f"{image.name}: the ball is {other}: use one phantom for all images"
    if look.couch_mm is None or image.couch_mm is None:
        return f"{image.name}: the files do not tell whether the couch stood where it stood for the other images"
    move = couch_move(look.couch_mm, image.couch_mm, image.couch_deg)
    if look.scan is not None:
        from qa import daily_poses

        if other := daily_poses.hides(look.scan, seen, move.vector_mm):
            return f"{image.name}: {other}"
    there, slope = project(position.point_mm + move.vector_mm, image.gantry_deg, image.sad_mm)
    parts = {name: slope @ part @ slope.T for name, part in position.components.items()}
    parts["couch readout"] = slope @ np.diag(move.u_mm**2) @ slope.T
    parts["ball and field"] = np.diag(seen.shot.offset_u_mm**2)
    return seen.shot.offset_mm - there, parts
