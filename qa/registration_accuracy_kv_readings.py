"""A match of kV pairs as readings, and what they show: docs/physics/registration_accuracy.md, section 7."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Acquisition
from qa.ball_day import Day
from qa.ball_evidence import overlay, used
from qa.ball_looks import Route
from qa.ball_looks_evidence import chain
from qa.ball_moves import AXES
from qa.ball_values import distance
from qa.evidence import Evidence
from qa.reading import NotMeasured, Reading
from qa.registration_accuracy_evidence import axes
from qa.registration_accuracy_kv import RECEPTOR, Shifted
from qa.registration_accuracy_proposed import READOUT, Stated
from qa.registration_accuracy_values import Quantities, State, flags, missing, number, stated

Array = NDArray[np.float64]
AT: State = {"radiation": "kV", "part": "kV pair"}
ONE_BALL = (
    "one ball has no direction, so kV pairs of it show no rotation: match two CBCTs of a phantom of three balls or more for the rotations"
)
NO_VOXELS = "kV images are projections and are not matched by voxels: only two CBCTs are"


def readings(quantities: Quantities, one: Shifted | str) -> list[Reading]:
    """Found, proposed, known, proposed minus found; or the reason, for all of them."""
    if isinstance(one, str):
        return [NotMeasured(quantity, one, AT) for quantity in quantities.values()]
    return [
        *_found(quantities, one),
        *(NotMeasured(quantities[f"registration_image_{axis}"], NO_VOXELS, AT) for axis in AXES),
        *stated(quantities, "proposed", one.proposed, AT, one.missing),
        *stated(quantities, "known", one.known, AT, one.missing),
        *_errors(quantities, one),
    ]


def _found(quantities: Quantities, one: Shifted) -> list[Reading]:
    names = [quantities[f"registration_found_{axis}"] for axis in AXES]
    budget = _roots(one.components)
    moved = [
        number(quantity, float(one.found_mm[k]), {name: float(u[k]) for name, u in budget.items()}, AT, one.flags, one.missing)
        for k, quantity in enumerate(names[:3])
    ]
    return [*moved, *(NotMeasured(quantity, ONE_BALL, AT) for quantity in names[3:])]


def _roots(parts: dict[str, Array]) -> dict[str, Array]:
    return {name: np.sqrt(np.maximum(np.diag(part), 0.0)) for name, part in parts.items()}


def _parts(one: Shifted, said: Stated) -> dict[str, Array]:
    """Named covariances (3, 3) of proposed minus found. A match of the same images stands on the same receptor positions."""
    own = {name: part for name, part in one.components.items() if said.source == READOUT or name != RECEPTOR}
    return {**own, f"rounding of the {said.source}": said.covariance[3:, 3:]}


def _errors(quantities: Quantities, one: Shifted) -> list[Reading]:
    """Per axis, and the length; what needs a rotation has its reason."""
    said, turned = one.proposed, [*(f"registration_error_{axis}" for axis in AXES[3:]), "registration_error_tre"]
    rest: list[Reading] = [NotMeasured(quantities[key], said if isinstance(said, str) else ONE_BALL, AT) for key in turned]
    shifts = [quantities[f"registration_error_{axis}"] for axis in AXES[:3]]
    length = quantities["registration_error_length"]
    unknown = [said] if isinstance(said, str) else [value for value in said.values[:3] if isinstance(value, str)]
    if unknown or isinstance(said, str):
        return [*(NotMeasured(quantity, unknown[0], AT) for quantity in (*shifts, length)), *rest]
    error = np.array([float(value) for value in said.values[:3]]) - one.found_mm
    parts, remarks = _parts(one, said), flags(said, one.found_mm, one.flags)
    lacks = partial(missing, said, one.found_mm, what="ball", more=one.missing)
    budget = _roots(parts)
    along = [
        number(quantity, float(error[k]), {name: float(u[k]) for name, u in budget.items()}, AT, remarks, lacks(axes=(AXES[k],)))
        for k, quantity in enumerate(shifts)
    ]
    return [*along, distance(length, error, parts, dict(AT), remarks, lacks(axes=AXES[:3])), *rest]


def show(acquisition: Acquisition, day: Day, routes: Sequence[Route], one: Shifted | str, found: Sequence[Reading]) -> tuple[Evidence, ...]:
    """The numbers per axis, where the ball was in both pairs, the pictures, what was used."""
    pictures = [overlay(seen, item) for item in day.sets for seen in item.images]
    table = (
        () if isinstance(one, str) else (axes("The match of the kV pairs, axis by axis", "of the ball", one.proposed, one.known, found),)
    )
    looks = (chain(routes),) if routes else ()
    return (*table, *looks, *pictures, used(acquisition, day))
