"""What measured Winston-Lutz images say, as readings; the sections are those of docs/physics/winston_lutz.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import shot_sets
from qa.ball_images import SILENT
from qa.ball_position import disagreement
from qa.frames import angle_difference, receptor_mm
from qa.isocentre import RESAMPLES, SEED, rows
from qa.reading import Measured, NotMeasured, Quantity, Reading
from qa.rotation import length, turning
from qa.shot_sets import Axis, Isocentre, Sphere
from qa.shots import RECEPTOR_MM, Shot, Unseen

Array = NDArray[np.float64]
Quantities = Mapping[str, Quantity]
Budget = Callable[[float], dict[str, float]]
State = dict[str, float | str]


@dataclass(frozen=True)
class Geometry:
    """What the images say together; a text says why a part is missing."""

    isocentre: Isocentre | str
    gantry: Sphere | str
    collimator: tuple[Sphere, Axis] | str
    couch: tuple[Sphere, Axis] | str
    everything: Sphere | str


def geometry(seen: Sequence[Shot]) -> Geometry:
    """Everything that the images cover; nothing of it when the ball was moved between them."""
    if moved := disagreement([s.image for s in seen], np.array([s.offset_mm for s in seen])):
        return Geometry(moved, moved, moved, moved, moved)
    gantry, no_gantry = shot_sets.gantry_set(seen)
    collimator, no_collimator = shot_sets.collimator_set(seen)
    couch, no_couch = shot_sets.couch_set(seen)
    return Geometry(
        isocentre=no_gantry or shot_sets.treatment_isocentre(seen, gantry),
        gantry=no_gantry or shot_sets.sphere(seen, gantry.indices, gantry.others_deg[1]),
        collimator=no_collimator or (shot_sets.circle(seen, collimator, "collimator"), shot_sets.collimator_axis(seen, collimator)),
        couch=no_couch or (shot_sets.circle(seen, couch, "couch"), shot_sets.couch_axis(seen, couch)),
        everything=_and(no_gantry, no_collimator, no_couch) or shot_sets.sphere(seen, tuple(range(len(seen))), 0.0),
    )


def _and(*reasons: str) -> str:
    """All that is missing, in one sentence."""
    return "; ".join(reason for reason in reasons if reason)


def per_image(quantities: Quantities, shot: Shot) -> list[Reading]:
    """Sections 3 and 4: ball against field, ball against panel, field against imager origin, each along u and v."""
    readings: list[Reading] = []
    receptor = receptor_mm(shot.image)
    silent = () if shot.image.receptor_mm else (SILENT,)
    for k, axis in enumerate("uv"):
        budget = {name: float(part[k]) for name, part in shot.components.items()}
        readings.append(_measured(quantities[f"ball_offset_{axis}"], shot.offset_mm[k], shot.offset_u_mm[k], shot, budget, shot.flags))
        ball = {"ball in the image": float(shot.ball_u_mm[k]), "receptor position": RECEPTOR_MM}
        readings.append(
            _measured(quantities[f"ball_panel_{axis}"], shot.ball_mm[k], float(np.linalg.norm(list(ball.values()))), shot, ball, shot.flags)
        )
        field = {"field in the image": float(shot.field_u_mm[k]), "receptor position": RECEPTOR_MM}
        value = shot.field_mm[k] + receptor[k]
        readings.append(
            _measured(quantities[f"panel_offset_{axis}"], value, float(np.linalg.norm(list(field.values()))), shot, field, silent)
        )
    return readings


def _measured(quantity: Quantity, value: float, u: float, shot: Shot, budget: dict[str, float], flags: tuple[str, ...]) -> Measured:
    return Measured(quantity, float(value), float(u), shot.image.at, budget, flags)


def per_set(quantities: Quantities, seen: Sequence[Shot], unseen: Sequence[Unseen], found: Geometry) -> list[Reading]:
    """Sections 3 to 7: what holds for the whole set."""
    missing = ""
    if unseen:
        names = ", ".join(u.image.name for u in unseen)
        missing = f"{len(unseen)} of {len(seen) + len(unseen)} images could not be measured: {names}"
    budget = _shares(seen)
    offsets = [(s.offset_mm, np.diag(s.offset_u_mm**2)) for s in seen]
    receptors = all(s.image.receptor_mm for s in seen)
    panel = [(s.field_mm + receptor_mm(s.image), np.diag(s.field_u_mm**2 + RECEPTOR_MM**2)) for s in seen]
    return [
        _largest(quantities["max_ball_offset"], seen, offsets, budget, missing),
        _median(quantities["median_ball_offset"], offsets, budget, missing),
        _largest(quantities["max_panel_offset"], seen, panel, _panel_budget, missing, () if receptors else (SILENT,)),
        *_shift(quantities, found.isocentre, budget, missing),
        _size(quantities["isocenter_size_gantry"], found.gantry, budget, missing),
        _size(quantities["isocenter_size_collimator"], _first(found.collimator), budget, missing),
        _size(quantities["isocenter_size_couch"], _first(found.couch), budget, missing),
        _size(quantities["isocenter_size_all"], found.everything, budget, missing),
        *_collimator(quantities, found, budget, missing),
        *_couch(quantities, found, budget, missing),
    ]


def _first(part: tuple[Sphere, Axis] | str) -> Sphere | str:
    return part if isinstance(part, str) else part[0]


def _shares(seen: Sequence[Shot]) -> Callable[[float], dict[str, float]]:
    """A function that splits the uncertainty of a result of many images into the images' components, by their mean squares."""
    names = dict.fromkeys(name for shot in seen for name in shot.components)
    squares = {name: float(np.mean([np.mean(shot.components[name] ** 2) for shot in seen if name in shot.components])) for name in names}
    total = sum(squares.values())
    return lambda u: {name: u * float(np.sqrt(square / total)) for name, square in squares.items()}


def _panel_budget(u: float) -> dict[str, float]:
    return {"field in the image": float(np.sqrt(max(u**2 - RECEPTOR_MM**2, 0.0))), "receptor position": min(RECEPTOR_MM, u)}


def _largest(
    quantity: Quantity,
    seen: Sequence[Shot],
    vectors: Sequence[tuple[Array, Array]],
    budget: Budget,
    missing: str,
    flags: tuple[str, ...] = (),
) -> Measured:
    """The longest of some vectors, its noise taken out, at the state of its image."""
    lengths = [length(v, c) for v, c in vectors]
    worst = int(np.argmax([value for value, _ in lengths]))
    value, u = lengths[worst]
    at = {key: state for key, state in seen[worst].image.at.items() if key.endswith("_deg")}
    return Measured(quantity, value, u, at, budget(u), flags, missing=missing)


def _median(quantity: Quantity, vectors: Sequence[tuple[Array, Array]], budget: Budget, missing: str) -> Measured:
    """The median length; its uncertainty is the scatter of the median when every length is shaken by its own."""
    values, us = (np.array(column) for column in zip(*(length(v, c) for v, c in vectors), strict=True))
    shaken = values + us * np.random.default_rng(SEED).standard_normal((RESAMPLES, len(values)))
    u = float(np.std(np.median(shaken, axis=1)))
    return Measured(quantity, float(np.median(values)), u, {}, budget(u), missing=missing)


def _shift(quantities: Quantities, found: Isocentre | str, budget: Budget, missing: str) -> list[Reading]:
    """The vector from the ball to the treatment isocentre, by the smallest sphere and by least squares."""
    keys = ("ball_shift_x", "ball_shift_y", "ball_shift_z", "ball_shift_length", "ball_shift_ls_x", "ball_shift_ls_y", "ball_shift_ls_z")
    if isinstance(found, str):
        return [NotMeasured(quantities[key], found) for key in keys]
    at: dict[str, float | str] = {"couch_deg": found.couch_deg}
    one = len(found.collimators_deg) == 1
    flags = ("one collimator angle only: the field's offset from the collimator's axis counts as the beam's",) if one else ()
    readings: list[Reading] = []
    for k in range(3):
        u = float(np.sqrt(found.covariance[k, k]))
        readings.append(Measured(quantities[keys[k]], float(found.meeting.point_mm[k]), u, at, budget(u), flags, missing=missing))
    value, u = length(found.meeting.point_mm, found.covariance)
    readings.append(Measured(quantities["ball_shift_length"], value, u, at, budget(u), flags, missing=missing))
    for k in range(3):
        u = float(np.sqrt(found.least_squares_covariance[k, k]))
        readings.append(Measured(quantities[keys[4 + k]], float(found.least_squares_mm[k]), u, at, budget(u), flags, missing=missing))
    return readings


def _size(quantity: Quantity, found: Sphere | str, budget: Budget, missing: str) -> Reading:
    """Diameter with the noise's share taken out."""
    if isinstance(found, str):
        return NotMeasured(quantity, found)
    u = found.size.u_mm
    parts = budget(u) | {"certificate gap": found.meeting.gap_mm}
    return Measured(quantity, found.size.diameter_mm, u, {}, parts, (), found.size.interval_mm, missing)


def _collimator(quantities: Quantities, found: Geometry, budget: Budget, missing: str) -> list[Reading]:
    """Radius of the field centre's path about the collimator's axis, and that axis against the treatment isocentre."""
    walkout, offset = quantities["collimator_walkout"], quantities["collimator_axis_offset"]
    if isinstance(found.collimator, str):
        return [NotMeasured(walkout, found.collimator), NotMeasured(offset, found.collimator)]
    axis = found.collimator[1]
    at: dict[str, float | str] = {"gantry_deg": axis.gantry_deg, "couch_deg": axis.couch_deg}
    arm = axis.turn.covariance[2:, 2:]
    readings: list[Reading] = [_path(walkout, axis, axis.turn.arm_mm, arm, at, budget, missing)]
    if isinstance(found.isocentre, str):
        return [*readings, NotMeasured(offset, f"the treatment isocentre was not measured: {found.isocentre}")]
    couch = angle_difference(axis.couch_deg, found.isocentre.couch_deg)
    row = rows(np.array([axis.gantry_deg]), np.array([couch]))[0]
    vector = axis.turn.centre_mm - row @ found.isocentre.meeting.point_mm
    covariance = axis.turn.covariance[:2, :2] + row @ found.isocentre.covariance @ row.T
    return [*readings, _length(offset, vector, covariance, at, budget, (), missing)]


def _couch(quantities: Quantities, found: Geometry, budget: Budget, missing: str) -> list[Reading]:
    """The couch's axis against the treatment isocentre, and the path a point at the treatment isocentre takes about it.

    The ball's set-up error drops out: the arm of the isocentre, not the ball's, is turned.
    """
    walkout, offset = quantities["couch_walkout"], quantities["couch_axis_offset"]
    if isinstance(found.couch, str):
        return [NotMeasured(walkout, found.couch), NotMeasured(offset, found.couch)]
    axis = found.couch[1]
    at: dict[str, float | str] = {"gantry_deg": axis.gantry_deg}
    flags: tuple[str, ...] = ()
    if isinstance(found.isocentre, str):
        back = turning(np.zeros(1), axis.turn.mirror)[0].T  # (u, v) to (x, y)
        arm, covariance = -back @ axis.turn.centre_mm, back @ axis.turn.covariance[:2, :2] @ back.T
        flags = (f"against the beam axis at gantry {axis.gantry_deg:.0f}, because the treatment isocentre was not measured",)
    else:
        to_couch = turning(np.array([-found.isocentre.couch_deg]), 1.0)[0]
        arm = axis.turn.arm_mm + to_couch @ found.isocentre.meeting.point_mm[:2]
        covariance = axis.turn.covariance[2:, 2:] + to_couch @ found.isocentre.covariance[:2, :2] @ to_couch.T
    return [_path(walkout, axis, arm, covariance, at, budget, missing, flags), _length(offset, arm, covariance, at, budget, flags, missing)]


def _path(
    quantity: Quantity, axis: Axis, arm: Array, covariance: Array, at: State, budget: Budget, missing: str, flags: tuple[str, ...] = ()
) -> Measured:
    """The largest distance from the axis on the path of a point with that arm; what the circle leaves over counts."""
    value, u = axis.turn.largest(arm, covariance)
    return Measured(quantity, value, u, at, budget(u), flags, missing=missing)


def _length(
    quantity: Quantity, vector: Array, covariance: Array, at: State, budget: Budget, flags: tuple[str, ...], missing: str
) -> Measured:
    value, u = length(vector, covariance)
    return Measured(quantity, value, u, at, budget(u), flags, missing=missing)
