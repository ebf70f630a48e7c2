"""What the path of a ball on a turning couch says, as readings; the sections are those of docs/physics/couch_rotation.md."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qa.couch_rotation_path import Path, scale_part
from qa.reading import Measured, NotMeasured, Quantity, Reading
from qa.rotation import length
from qa.shots import RECEPTOR_MM

Array = NDArray[np.float64]
NO_FIELD = "no image shows a collimated field about the ball, so nobody knows where the treatment beam is: collimate to some centimetres"
ONE_COLLIMATOR = "one collimator angle only: the field's offset from the collimator's axis counts as the beam's"


def readings(quantities: Mapping[str, Quantity], found: Path) -> list[Reading]:
    """All readings of one path; when there is no circle all of them say why."""
    unseen = [NotMeasured(quantities["couch_turn_error"], f"{item.name}: {reason}", item.at) for item, reason in found.unseen]
    if found.reason:
        return [*unseen, *(NotMeasured(quantity, found.reason) for quantity in quantities.values())]
    return [*unseen, *_turns(quantities, found), *_axis(quantities, found), *_shape(quantities, found), _offset(quantities, found)]


def budget(row: Array, parts: Mapping[str, Array]) -> dict[str, float]:
    """Named standard uncertainties of ``row`` (2n,) times the places."""
    return {name: float(np.sqrt((row**2) @ (part.ravel() ** 2))) for name, part in parts.items()}


def _made(quantity: Quantity, value: float, parts: dict[str, float], found: Path, at: Mapping[str, float | str] | None = None) -> Measured:
    u = float(np.sqrt(sum(part**2 for part in parts.values())))
    return Measured(quantity, value, u, at or {"radiation": "MV"}, parts, missing=found.missing)


def _turns(quantities: Mapping[str, Quantity], found: Path) -> list[Reading]:
    """Section 3: every turn from the first image's, the largest, and the scale."""
    error, rows = found.error_deg, np.degrees(found.turn_row)
    single = [
        _made(quantities["couch_turn_error"], float(error[k]), budget(rows[k], found.parts), found, found.seen[k].image.at)
        for k in range(1, len(error))
    ]
    worst = int(np.abs(error).argmax()) or 1
    largest = _made(quantities["couch_turn_error_max"], abs(float(error[worst])), budget(rows[worst], found.parts), found)
    read = found.read_deg - found.read_deg.mean()
    slope = read / float(read @ read)
    scale = _made(quantities["couch_turn_scale"], 1 + float(slope @ error), budget(slope @ rows, found.parts), found)
    return [*single, largest, scale]


def _axis(quantities: Mapping[str, Quantity], found: Path) -> list[Reading]:
    """Section 2: the circle's centre."""
    rest = scale_part(found.centre_mm, found.seen[0].image.sad_mm)
    return [
        _made(
            quantities[f"couch_turn_axis_{axis}"],
            float(found.centre_mm[k]),
            budget(found.centre_row[k], found.parts) | {"scale and height": float(rest[k])},
            found,
        )
        for k, axis in enumerate("xy")
    ]


def _shape(quantities: Mapping[str, Quantity], found: Path) -> list[Reading]:
    """Section 2: the largest distance from the circle, and its radius."""
    worst = int(np.abs(found.radial_mm).argmax())
    wander = abs(float(found.radial_mm[worst]))
    scale = float(scale_part(np.array([found.arm_mm, 0.0]), found.seen[0].image.sad_mm)[0])
    arm = budget(found.arm_row, found.parts) | {"scale and height": scale}
    return [
        _made(quantities["couch_turn_wander"], wander, budget(found.radial_row[worst], found.parts), found),
        _made(quantities["couch_turn_arm"], found.arm_mm, arm, found),
    ]


def _offset(quantities: Mapping[str, Quantity], found: Path) -> Reading:
    """Section 4: the axis against the mean centre of the fields; what the panel does not repeat is in both."""
    quantity = quantities["couch_turn_axis_offset"]
    shots = [(k, ball.shot) for k, ball in enumerate(found.seen) if ball.shot is not None]
    if not shots:
        return NotMeasured(quantity, NO_FIELD, {"radiation": "MV"})
    mirror = np.array([found.mirror, 1.0])
    fields = np.array([(shot.field_mm + found.seen[k].origin_mm) * mirror for k, shot in shots])
    mean = np.zeros_like(found.centre_row)
    for k, _ in shots:
        mean[:, 2 * k : 2 * k + 2] = np.eye(2) / len(shots)
    parts = {}
    for name, part in found.parts.items():
        row = found.centre_row - mean if name == "receptor position" else found.centre_row
        parts[name] = (row * part.ravel() ** 2) @ row.T
    parts.setdefault("receptor position", np.eye(2) * RECEPTOR_MM**2)
    parts["field in the image"] = np.diag(np.sum([shot.field_u_mm**2 for _, shot in shots], axis=0)) / len(shots) ** 2
    parts["scale and height"] = np.diag(scale_part(found.centre_mm, found.seen[0].image.sad_mm) ** 2)
    covariance = np.asarray(sum(parts.values(), np.zeros((2, 2))))
    value, u = length(found.centre_mm - fields.mean(axis=0), covariance)
    split = {name: u * float(np.sqrt(np.trace(part) / np.trace(covariance))) for name, part in parts.items()}
    angles = {round(ball.image.collimator_deg) % 360 for ball in found.seen}
    flags = (ONE_COLLIMATOR,) if len(angles) == 1 else ()
    return Measured(quantity, value, u, {"radiation": "MV"}, split, flags, missing=found.missing)
