"""What the looks of a day say as readings; the sections are those of docs/physics/daily_igrt.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Image
from qa.angles import same
from qa.ball_day import RADIATION, Day
from qa.ball_images import BallImage
from qa.ball_looks import Found, Look, Route, another, apart, move, place
from qa.ball_position import BallPosition, project
from qa.ball_values import Quantities, State, distance, xyz
from qa.certificate import Certificate
from qa.couch_move import COUCH_RESOLUTION_MM, couch_move
from qa.couch_stops import resolution as readout_step
from qa.reading import NotMeasured, Reading

Array = NDArray[np.float64]
Parts = Mapping[str, Array]
UNMARKED = "no certificate of the phantom was handed in: the ball itself counts as what was set up"
NO_MARK = "the phantom's certificate knows no single ball and mark: the ball itself counts as what was set up"
NO_ROUTE = "no kV images or CBCT show the ball: image it before and after the couch correction"
SILENT = "the files do not tell where the couch stood, so nobody knows what it was told to do: export the images with its position"
PLAIN_U, NEAR_U = 5.0, 4.0  # times u: a move that can be told from none, a readout that is as good as the one it looks like
UNITS, UNITS_PART = (10.0, 0.1, -1.0, -10.0, -0.1), 0.05  # readout over true move: cm for mm, a vendor's sign; how near to it
OTHER_UNITS = "they are in other units or of another sign than the files should have; ask the physicist"
TURNED = "{} MV images at other couch angles were not compared"
RESOLUTION = "couch readout's resolution"


def readings(quantities: Quantities, day: Day, routes: Sequence[Route], certificate: Certificate | None = None) -> list[Reading]:
    """All readings of all routes; without one, every quantity with the reason."""
    if not routes:
        return [NotMeasured(quantity, NO_ROUTE) for quantity in quantities.values()]
    return [reading for route in routes for reading in _route(quantities, day, route, certificate)]


def _route(quantities: Quantities, day: Day, route: Route, certificate: Certificate | None) -> list[Reading]:
    at: State = {"radiation": "+".join(dict.fromkeys(RADIATION[item.kind] for item in route.first.sets)), "part": route.name}
    flags = tuple(dict.fromkeys(flag for look in route.looks for flag in look.flags))
    pair = route.pair
    moved, shift = (pair, pair) if isinstance(pair, str) else (move(*pair), _shift(*pair))
    wrong = "" if isinstance(moved, str) or isinstance(shift, str) else _looks_wrong(moved, shift)
    rounding = _rounding(route)
    found: dict[str, Found | str] = {
        "setup": _set_up(route.first, certificate),
        "match": _match(route.first, shift, rounding),
        "couch": _missed(moved, shift, rounding),
        "residual": pair if isinstance(pair, str) else place(pair[1]),
    }
    result: list[Reading] = []
    for key, value in found.items():
        keys = [f"daily_{key}_{axis}" for axis in "xyz"]
        length = quantities[f"daily_{key}_distance"]
        unmarked = UNMARKED if certificate is None else "" if _marked(certificate) else NO_MARK
        said = (*flags, unmarked) if key == "setup" and unmarked else flags
        if isinstance(value, str):
            result += [NotMeasured(quantities[name], value, at) for name in keys] + [NotMeasured(length, value, at)]
        else:
            vector, parts, _ = value
            missing = "; ".join(filter(None, (route.missing, wrong if key in ("match", "couch") else "")))
            result += xyz(quantities, keys, vector, parts, at, said, missing)
            result.append(distance(length, vector, parts, at, said, missing))
    return [*result, _coincidence(quantities, day, route, at, flags)]


def _marked(certificate: Certificate) -> bool:
    """Whether it says where the one ball is from a mark."""
    return len(certificate.balls) == 1 and bool(certificate.marks)


def _set_up(look: Look, certificate: Certificate | None) -> Found | str:
    """Section 2: the ball from where it was to be, its certificate's first mark at the isocentre and the phantom as it is meant to lie."""
    found = place(look)
    if certificate is None or isinstance(found, str):
        return found
    if reason := certificate.not_in_force(look.acquired):
        return reason
    if not _marked(certificate):
        return found
    if (other := another(certificate.balls[0].diameter_mm, look.diameter_mm)) is not None:
        return f"the ball of the certificate ({certificate.title}) and that of the images: {other}; hand in the certificate of this phantom"
    ball, mark = certificate.balls[0], certificate.marks[0]
    planned = np.array(ball.place_mm) - (mark.x_mm, mark.y_mm, mark.z_mm)
    known = np.diag(np.square(ball.u_mm) + np.square(mark.u_mm))
    return found[0] - planned, {**found[1], "certificate": known}, found[2]


def _shift(first: Look, last: Look) -> Array | str:
    """Section 3: what the couch was told to do, (3,) mm in F."""
    if first.couch_mm is None or last.couch_mm is None:
        return SILENT
    return couch_move(first.couch_mm, last.couch_mm, last.couch_deg).vector_mm


def _looks_wrong(moved: Found, shift: Array) -> str:
    """Along which axis the readout is plainly in other units or of another sign than the ball's move: that can fail, never pass."""
    u = np.sqrt(np.diag(sum(moved[1].values(), np.zeros((3, 3)))))
    words = []
    for axis, true, read, one in zip("xyz", moved[0], shift, u, strict=True):
        near = max(UNITS_PART * abs(float(read)), NEAR_U * float(one))
        if abs(true) > PLAIN_U * one and abs(read - true) > near and any(abs(read - unit * true) < near for unit in UNITS):
            words.append(f"{axis} by {read:+.2f} mm where the ball moved by {true:+.2f} mm")
    return f"the couch readouts changed along {', '.join(words)}: {OTHER_UNITS}" if words else ""


def _rounding(route: Route) -> Array:
    """The covariance of the difference of two couch readouts that are rounded to the step in which these are written."""
    readouts = [one for look in route.looks for one in look.readouts_mm]
    step = readout_step(readouts) if readouts else 0.0
    return np.eye(3) * max(step**2 / 6, 2 * COUCH_RESOLUTION_MM**2)


def _match(first: Look, shift: Array | str, rounding: Array) -> Found | str:
    start = place(first)
    if isinstance(start, str) or isinstance(shift, str):
        return start if isinstance(start, str) else str(shift)
    return shift + start[0], {**start[1], RESOLUTION: rounding}, start[2]


def _missed(moved: Found | str, shift: Array | str, rounding: Array) -> Found | str:
    if isinstance(moved, str) or isinstance(shift, str):
        return moved if isinstance(moved, str) else str(shift)
    return moved[0] - shift, {**moved[1], RESOLUTION: rounding}, moved[2]


def _coincidence(quantities: Quantities, day: Day, route: Route, at: State, flags: tuple[str, ...]) -> Reading:
    """Section 6: the largest distance over the MV images of a collimated field. One that cannot be compared may have been the largest."""
    quantity, look = quantities["daily_coincidence"], route.looks[-1]
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
        why = "; ".join(dict.fromkeys(reasons)) or "no MV image shows the ball in a collimated field: take one at any gantry angle"
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
    went = couch_move(look.couch_mm, image.couch_mm, image.couch_deg)
    there, slope = project(position.point_mm + went.vector_mm, image.gantry_deg, image.sad_mm)
    parts = {name: slope @ part @ slope.T for name, part in position.components.items()}
    parts["couch readout"] = slope @ np.diag(went.u_mm**2) @ slope.T
    parts["ball and field"] = np.diag(seen.shot.offset_u_mm**2)
    return seen.shot.offset_mm - there, parts
