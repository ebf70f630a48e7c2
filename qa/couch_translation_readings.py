"""What a day of couch places says, as readings; the sections are those of docs/physics/couch_translation.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qa import couch_translation_backlash as backlash
from qa.couch_affine import AXES, WORDS, Affine, fit, untested
from qa.couch_travel import Travel, budget
from qa.couch_values import Found, Maker, residual
from qa.reading import Measured, NotMeasured, Quantity, Reading

Array = NDArray[np.float64]
STEP = 1e-6  # of a derivative
FAR_MM = 20.0  # a large correction by images: a scale that was seen over few millimetres must hold so far


def readings(quantities: Mapping[str, Quantity], travels: Sequence[Travel]) -> list[Reading]:
    """All readings of every imaging system."""
    found: list[Reading] = []
    for travel in travels:
        make = Maker(quantities, travel, fit(travel))
        found += [*_stops(make), *_largest(make), *_lines(make), *_square(make), *_sides(make), *_images(make)]
    answered = {reading.quantity.key for reading in found}
    why = "needs the ball in projection images (MV or kV) of two couch places" if travels else "no images with a couch readout"
    return found + [NotMeasured(quantity, why) for key, quantity in quantities.items() if key not in answered]


def _stops(make: Maker) -> list[Reading]:
    """Section 3: every stop against the first."""
    travel = make.travel
    found: list[Reading] = []
    keys = [f"couch_{what}_{axis}" for what in ("move", "error") for axis in AXES]
    parts = {"couch_move": travel.components, "couch_error": travel.error_components}
    for stop, known in enumerate(travel.known):
        at = make.of_stop(stop)
        if known and stop == travel.reference:
            continue
        if not known:
            found += [NotMeasured(make.quantities[key], travel.reasons[stop], at) for key in (*keys, "couch_error_3d")]
            continue
        values = {"couch_move": travel.moved_mm[stop], "couch_error": travel.error_mm[stop]}
        for key in keys:
            name, axis = key[:-2], AXES.index(key[-1])
            found.append(make.number(key, Found(float(values[name][axis]), _budget(parts[name], 3 * stop + axis)), at))
        found.append(make.number("couch_error_3d", backlash.distance(travel, travel.error_mm[stop], {stop: 1.0}), at))
    if not travel.known:
        found += [NotMeasured(make.quantities[key], "the ball was seen in no image", make.at) for key in (*keys, "couch_error_3d")]
    return found


def _budget(parts: Mapping[str, Array], index: int) -> dict[str, float]:
    return {name: float(np.sqrt(max(part[index, index], 0.0))) for name, part in parts.items()}


def _largest(make: Maker) -> list[Reading]:
    """Section 3: the largest of all stops, along one axis and in space; of one direction only, the largest of all images."""
    travel = make.travel
    others = [k for k, known in enumerate(travel.known) if known and k != travel.reference]
    if not others:
        return [_of_images(make), make.number("couch_error_3d_max", _why(travel), make.at)]
    more = untested(make.affine)
    error = np.abs(travel.error_mm[others])
    row, axis = np.unravel_index(int(error.argmax()), error.shape)
    index = 3 * others[int(row)] + int(axis)
    along = Found(float(error.max()), _budget(travel.error_components, index))
    in_space = [backlash.distance(travel, travel.error_mm[k], {k: 1.0}) for k in others]
    return [
        make.number("couch_error_max", along, make.at, more),
        make.number("couch_error_3d_max", max(in_space, key=lambda one: one.value), make.at, more),
    ]


def _why(travel: Travel) -> str:
    return next((reason for reason in travel.reasons if reason), "the ball was seen in no image")


def _of_images(make: Maker) -> Reading:
    """The largest error of single images: it can fail, never pass."""
    travel = make.travel
    if not travel.images or travel.doubt:
        return make.number("couch_error_max", _why(travel), make.at)
    one, axis = max(((seen, k) for seen in travel.images for k in range(2)), key=lambda pair: abs(float(pair[0].error_mm[pair[1]])))
    budget = {name: float(part[axis]) for name, part in one.components.items()}
    return make.number(
        "couch_error_max", Found(abs(float(one.error_mm[axis])), budget), make.at, f"seen in single images only: {_why(travel)}"
    )


def _lines(make: Maker) -> list[Reading]:
    """Section 4: scale and linearity of every axis."""
    affine = make.affine
    found: list[Reading] = []
    for k, axis in enumerate(AXES):
        scale: Found | str = affine.reasons[k] or Found(float(affine.matrix[k, k]), affine.u(k, k))
        found.append(make.number(f"couch_scale_{axis}", scale, make.at))
        far = scale if isinstance(scale, str) else Found(FAR_MM * (scale.value - 1), {name: FAR_MM * u for name, u in scale.budget.items()})
        found.append(make.number(f"couch_far_error_{axis}", far, make.at))
        found.append(make.number(f"couch_linearity_{axis}", affine.reasons[k] or residual(affine, k), make.at))
    return found


def _square(make: Maker) -> list[Reading]:
    """Section 4: the angle between two directions of travel minus 90 degrees."""
    return [
        make.number(
            f"couch_square_{AXES[a]}{AXES[b]}", make.affine.reasons[a] or make.affine.reasons[b] or _angle(make.affine, a, b), make.at
        )
        for a, b in combinations(range(3), 2)
    ]


def _angle(affine: Affine, first: int, second: int) -> Found:
    def angle(matrix: Array) -> float:
        a, b = matrix[:, first], matrix[:, second]
        return float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))) - 90.0

    slope = _gradient(angle, affine.matrix)
    return Found(angle(affine.matrix), budget(slope, affine.components))


def _gradient(function: Callable[[Array], float], matrix: Array) -> Array:
    steps = STEP * np.eye(9).reshape(9, 3, 3)
    return np.array([(function(matrix + step) - function(matrix - step)) / (2 * STEP) for step in steps])


def _sides(make: Maker) -> list[Reading]:
    """Section 5."""
    travel = make.travel
    if not any(travel.known):
        keys = [*(f"couch_backlash_{axis}" for axis in AXES), "couch_hysteresis"]
        return [make.number(key, _why(travel), make.at) for key in keys]
    found = [make.number(f"couch_backlash_{axis}", backlash.backlash(travel, k, WORDS[axis]), make.at) for k, axis in enumerate(AXES)]
    return [*found, make.number("couch_hysteresis", backlash.hysteresis(travel), make.at)]


def _images(make: Maker) -> list[Reading]:
    """Section 3: single images against the reference stop's image from the same direction."""
    travel = make.travel
    found: list[Reading] = []
    flags = (travel.doubt,) if travel.doubt else ()
    for item, reason in travel.stops.unseen:
        found += [NotMeasured(make.quantities[f"couch_error_{axis}"], f"{item.name}: {reason}", item.at) for axis in "uv"]
    for seen in travel.images:
        for k, axis in enumerate("uv"):
            budget = {name: float(part[k]) for name, part in seen.components.items()}
            u = float(np.sqrt(sum(part**2 for part in budget.values())))
            quantity = make.quantities[f"couch_error_{axis}"]
            found.append(Measured(quantity, float(seen.error_mm[k]), u, seen.image.at, budget, flags))
    return found
