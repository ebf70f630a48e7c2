"""What a day's images say of every imaging isocentre, as readings; the sections are those of docs/physics/imaging_isocenter.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Image
from qa.ball_day import RADIATION, Day, ImagingSet, Treatment
from qa.ball_images import CUBE, SILENT
from qa.ball_position import OneDirection
from qa.ball_values import Quantities, State, distance, xyz
from qa.couch_move import Move
from qa.imaging_isocenter_moves import ball_move, contradictions
from qa.imaging_isocenter_values import Compared, largest
from qa.imaging_isocenter_vectors import STATED, cautions, coincidence, connected, offsets
from qa.reading import Measured, NotMeasured, Quantity, Reading

Array = NDArray[np.float64]
NAMES = {"kv": "kV images", "mv": "MV images", "cbct": "CBCT volume"}
NO_MOVE = "needs the ball in kV images at two couch places, at each from the same two directions (the imager sags as it turns)"
NO_FREEDOM = "the images leave no freedom here: {}; take more gantry angles"


def compare(day: Day, couch_still: bool) -> tuple[Compared, ...]:
    """Every set of the day; sets of one system that contradict each other are not compared with the treatment isocentre."""
    alone = [_compared(day, item, couch_still) for item in day.sets]
    reasons = contradictions(alone)
    return tuple(replace(one, vector=why, offsets=why) if (why := reasons.get(one.item.name)) else one for one in alone)


def _compared(day: Day, item: ImagingSet, couch_still: bool) -> Compared:
    move = connected(day, item, couch_still)
    if isinstance(move, str) or isinstance(day.treatment, str):
        reason = str(move)
        unseen = isinstance(item.position, str) and not item.images
        return Compared(item, reason, str(item.position) if unseen else reason, reason)
    alone = not isinstance(item.position, str) or isinstance(item.position, OneDirection)  # else the images contradict each other
    shown = offsets(day.treatment, item, move) if item.images and alone else str(item.position)
    if isinstance(item.position, str):
        return Compared(item, move, item.position, shown)
    return Compared(item, move, coincidence(day.treatment, item.position, move), shown)


def readings(quantities: Quantities, day: Day, compared: Sequence[Compared]) -> list[Reading]:
    """All readings: the treatment isocentre's, then every system's."""
    found = _treatment(quantities, day.treatment)
    for kind in ("kv", "mv", "cbct"):
        sets = [one for one in compared if one.item.kind == kind]
        if not sets:
            reason = f"no {NAMES[kind]} of this machine and day: hand in all of one set-up together (files left out have their reason)"
            found += [NotMeasured(quantity, reason) for key, quantity in quantities.items() if key.startswith(f"{kind}_")]
            continue
        for one in sets:
            found += _set(quantities, one, day)
            if kind != "cbct":
                found += _per_image(quantities, one)
    if day.of("kv"):
        found += _moves(quantities, day.of("kv"))
    return found


def _moves(quantities: Quantities, sets: Sequence[ImagingSet]) -> list[Reading]:
    """Section 6: the ball's move between the first and the last kV set, alone and against the couch readout."""
    seen, error = _xyz("kv_ball_move"), _xyz("kv_ball_move_error")
    moved = ball_move(sets[0], sets[-1]) if len(sets) > 1 else NO_MOVE
    if not isinstance(moved, str) and (sets[0].acquired is None or sets[0].acquired == sets[-1].acquired):
        moved = "the files do not say which of the kV images were taken first: export them with their times"
    if isinstance(moved, str):
        return [NotMeasured(quantities[key], moved) for key in (*seen, *error)]
    at: State = {"radiation": "kV"}
    found = xyz(quantities, seen, moved.vector_mm, moved.components, at, (), moved.missing)
    if moved.readout is None:
        return [*found, *(NotMeasured(quantities[key], "the kV images do not say where the couch stood", at) for key in error)]
    return found + xyz(quantities, error, moved.vector_mm - moved.readout.vector_mm, moved.components, at, (), moved.missing)


def _state(item: ImagingSet, radiation: str) -> State:
    """What a reading of a set was taken at: with which radiation, and which set it is."""
    return {"radiation": radiation, "set": item.name}


def _joined(kind: str) -> str:
    return "MV" if kind == "mv" else f"{RADIATION[kind]}+MV"


def _xyz(prefix: str) -> list[str]:
    return [f"{prefix}_{axis}" for axis in "xyz"]


def _treatment(quantities: Quantities, treatment: Treatment | str) -> list[Reading]:
    keys = _xyz("treatment_ball")
    if isinstance(treatment, str):
        return [NotMeasured(quantities[key], treatment) for key in keys]
    at: State = {"radiation": "MV", "couch_deg": treatment.couch_deg}
    return xyz(quantities, keys, treatment.ball_mm, treatment.components, at, treatment.flags, treatment.missing)


def _set(quantities: Quantities, one: Compared, day: Day) -> list[Reading]:
    """Section 3 and 4: the ball in the system's coordinates, the couch move, the vector and what follows from it."""
    item, kind = one.item, one.item.kind
    alone, both = _state(item, RADIATION[kind]), _state(item, _joined(kind))
    treatment = day.treatment if isinstance(day.treatment, Treatment) else None
    missing = "; ".join(filter(None, (item.missing, treatment.missing if treatment and treatment.missing != item.missing else "")))
    flags = tuple(dict.fromkeys(flag for seen in item.images for flag in seen.flags if flag in (SILENT, CUBE)))
    if item.place is not None:
        flags = (*flags, *item.place.flags, *((CUBE,) if item.place.shape == "cube" else ()))
    found = _ball(quantities, item, alone, flags)
    if treatment is not None and isinstance(one.move, Move):
        said, distant = cautions(item, treatment, one.move)
        flags, missing = (*flags, *said), "; ".join(filter(None, (missing, distant)))
    both_flags = (*flags, *(treatment.flags if treatment else ()))
    if kind != "mv":
        found += _applied(quantities, one, both)
    keys = [*_xyz(f"{kind}_isocenter"), f"{kind}_isocenter_distance"]
    if isinstance(one.vector, str):
        found += [NotMeasured(quantities[key], one.vector, both) for key in keys]
    else:
        found += xyz(quantities, keys[:3], one.vector.vector_mm, one.vector.components, both, both_flags, missing)
        found.append(distance(quantities[keys[3]], one.vector.vector_mm, one.vector.components, both, both_flags, missing))
    return found + largest(quantities, one, both, both_flags, missing)


def _ball(quantities: Quantities, item: ImagingSet, at: State, flags: tuple[str, ...]) -> list[Reading]:
    keys = _xyz(f"{item.kind}_ball")
    if isinstance(item.position, str):
        return [NotMeasured(quantities[key], item.position, at) for key in keys]
    return xyz(quantities, keys, item.position.point_mm, item.position.components, at, flags, item.missing)


def _applied(quantities: Quantities, one: Compared, at: State) -> list[Reading]:
    """The couch readout's difference from imaging to treatment, as applied."""
    keys = _xyz(f"{one.item.kind}_couch_move")
    if isinstance(one.move, str):
        return [NotMeasured(quantities[key], one.move, at) for key in keys]
    if one.move.source != "readout":
        return [NotMeasured(quantities[key], STATED, at) for key in keys]
    moves = zip(keys, one.move.vector_mm, one.move.u_mm, strict=True)
    return [Measured(quantities[key], float(move), float(u), at, {"couch readout": float(u)}) for key, move, u in moves]


def _per_image(quantities: Quantities, one: Compared) -> list[Reading]:
    """Section 5: offset and residual of every image."""
    item, kind = one.item, one.item.kind
    keys = [f"{kind}_{what}_{axis}" for what in ("offset", "residual") for axis in "uv"]
    found: list[Reading] = []
    for unseen, reason in item.unseen or (() if item.images else item.turned):
        found += [NotMeasured(quantities[key], f"{unseen.name}: {reason}", unseen.at) for key in keys]
    for k, seen in enumerate(item.images):
        for axis in range(2):
            found.append(_offset(quantities[keys[axis]], one, k, axis, seen.image, seen.flags))
            found.append(_residual(quantities[keys[2 + axis]], item, k, axis, seen.flags))
    return found


def _offset(quantity: Quantity, one: Compared, k: int, axis: int, image: Image, flags: tuple[str, ...]) -> Reading:
    if isinstance(one.offsets, str):
        return NotMeasured(quantity, one.offsets, image.at)
    parts = {name: float(part[k, axis]) for name, part in one.offsets.components.items()}
    return Measured(quantity, float(one.offsets.values_mm[k, axis]), float(one.offsets.u_mm[k, axis]), image.at, parts, flags)


def _residual(quantity: Quantity, item: ImagingSet, k: int, axis: int, flags: tuple[str, ...]) -> Reading:
    image = item.images[k].image
    if isinstance(item.position, str):
        return NotMeasured(quantity, item.position, image.at)
    u = float(item.position.residual_u_mm[k, axis])
    if u == 0:
        return NotMeasured(quantity, NO_FREEDOM.format("the position fits them exactly, whatever they are"), image.at)
    own = item.images[k].components
    total = float(np.sqrt(sum(part[axis] ** 2 for part in own.values())))
    parts = {name: u * float(part[axis]) / total for name, part in own.items()}
    return Measured(quantity, float(item.position.residual_mm[k, axis]), u, image.at, parts, flags)
