"""What a day of extensions says, as readings; the sections are those of docs/physics/couch_sag.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from qa import couch_sag_model as models
from qa.couch_sag_heights import Sag, setting, stop_names
from qa.couch_sag_model import Added
from qa.couch_sag_pitch import Tipped
from qa.couch_sag_stops import System
from qa.couch_values import Found
from qa.reading import Measured, NotMeasured, Quantity, Reading

COEFFICIENTS = ("couch_sag_offset", "couch_sag_slope", "couch_sag_curve")
OF_A_PASS = ("couch_sag_max", "couch_sag_height", *COEFFICIENTS, "couch_sag_residual")
OF_TIPPING = ("couch_sag_pitch", "couch_sag_pitch_max")
OF_THE_LOAD = ("couch_sag_load", "couch_sag_load_start")
BOTH = (
    "what a load adds needs an unloaded and a loaded pass of one day; there is {}: image again with {}, and write it in the label or name"
)
At = dict[str, float | str]


@dataclass(frozen=True)
class Hung:
    """A pass with everything that is said of it."""

    sag: Sag
    tipped: Tipped | str


def readings(quantities: Mapping[str, Quantity], systems: Sequence[tuple[System, Sequence[Hung], Added | str]]) -> list[Reading]:
    """All readings of every imaging system."""
    found: list[Reading] = []
    for system, passes, load in systems:
        found += _unseen(quantities, system)
        for one in passes:
            found += _of_pass(quantities, one)
        found += _of_load(quantities, system, [one.sag for one in passes], load)
    answered = {reading.quantity.key for reading in found}
    reason = next((system.reason for system, _, _ in systems if system.reason), "no images of the couch at several extensions")
    return found + [NotMeasured(quantity, reason) for key, quantity in quantities.items() if key not in answered]


def _unseen(quantities: Mapping[str, Quantity], system: System) -> list[Reading]:
    """Images that could not be used, each by name."""
    return [NotMeasured(quantities["couch_sag_height"], f"{item.name}: {why}", item.at) for item, why in system.travel.stops.unseen]


def _at(sag: Sag) -> At:
    at: At = {"radiation": sag.system.kind, "set": sag.taken.name}
    return at if sag.reason else at | {"setting": setting(sag)}


def _number(quantity: Quantity, found: Found | str, at: At, flags: tuple[str, ...], missing: str) -> Reading:
    if isinstance(found, str):
        return NotMeasured(quantity, found, at)
    u = float(np.sqrt(sum(part**2 for part in found.budget.values())))
    return Measured(quantity, found.value, u, at, found.budget, flags, missing=missing)


def _of_pass(quantities: Mapping[str, Quantity], one: Hung) -> list[Reading]:
    """Sections 4, 5 and 7."""
    sag, at = one.sag, _at(one.sag)
    if sag.reason:
        return [NotMeasured(quantities[key], sag.reason, at) for key in OF_A_PASS] + _tipping(quantities, one)
    make = partial(_number, flags=sag.flags, missing=sag.missing)
    names = stop_names(sag, sag.known)
    found: list[Reading] = []
    for stop in sag.known[1:]:
        here = at | {"part": names[stop], "readout_y_mm": float(sag.extension_mm[stop])}
        height = models.value(sag, sag.row({stop: 1.0, sag.known[0]: -1.0}))
        found.append(make(quantities["couch_sag_height"], height, here))
    for stop, why in sag.lost.items():
        found.append(NotMeasured(quantities["couch_sag_height"], f"stop {stop + 1}: {why}", at | {"part": f"stop {stop + 1}"}))
    stop, most = models.largest(sag)
    found.append(make(quantities["couch_sag_max"], most, at | {"readout_y_mm": float(sag.extension_mm[stop])}))
    fitted = models.model(sag)
    for k, key in enumerate(COEFFICIENTS):
        value: Found | str = models.value(sag, fitted.rows[k]) if k < len(fitted.rows) else models.NO_CURVE
        found.append(make(quantities[key], value, at))
    found.append(make(quantities["couch_sag_residual"], models.residual(sag, fitted), at))
    return found + _tipping(quantities, one)


def _tipping(quantities: Mapping[str, Quantity], one: Hung) -> list[Reading]:
    sag, tipped, at = one.sag, one.tipped, _at(one.sag)
    if isinstance(tipped, str):
        return [NotMeasured(quantities[key], tipped, at) for key in OF_TIPPING]
    names, flags = stop_names(sag, (*sag.known, *sag.tilted)), (*sag.flags, *tipped.flags)
    found = [
        _number(quantities["couch_sag_pitch"], value, at | {"part": names[stop]}, flags, sag.missing)
        for stop, value in tipped.stops.items()
    ]
    known = [value for value in tipped.stops.values() if isinstance(value, Found)]
    why = dict.fromkeys(value for value in tipped.stops.values() if isinstance(value, str))
    most: Found | str = max(known, key=lambda value: abs(value.value)) if known else "; ".join(why)
    missing = "; ".join(filter(None, (sag.missing, *why)))
    return [*found, _number(quantities["couch_sag_pitch_max"], most, at, flags, missing)]


def _of_load(quantities: Mapping[str, Quantity], system: System, passes: Sequence[Sag], load: Added | str) -> list[Reading]:
    """Section 6."""
    at: At = {"radiation": system.kind, "set": f"{system.kind} loaded - unloaded"}
    if isinstance(load, str):
        return [NotMeasured(quantities[key], load, at) for key in OF_THE_LOAD]
    settings = dict.fromkeys(setting(one) for one in passes if one.taken.load)
    at["setting"] = "; ".join(settings)
    flags = tuple(dict.fromkeys(flag for one in passes if one.taken.load for flag in one.flags))
    most = max(load.lowering, key=lambda value: abs(value.value))
    return [
        _number(quantities[key], value, at, flags, load.missing) for key, value in zip(OF_THE_LOAD, (most, load.lowering[0]), strict=True)
    ]


def felt(passes: Sequence[Sag], load: Added | str) -> list[Sag]:
    """The same passes; the loaded one can fail and not pass where nothing shows its load."""
    doubt = "" if isinstance(load, str) else load.unfelt
    return [replace(one, doubts=(*one.doubts, doubt)) if doubt and one.taken.load == "loaded" else one for one in passes]


def loads(system: System, passes: Sequence[Sag]) -> Added | str:
    """What the load adds, or which pass it lacks."""
    if system.reason:
        return system.reason
    by_load = {one.taken.load: one for one in passes if one.taken.load}
    if "loaded" in by_load and "unloaded" in by_load:
        return models.added(by_load["unloaded"], by_load["loaded"])
    have = "only the loaded one" if "loaded" in by_load else "only the unloaded one" if "unloaded" in by_load else "no word of a load"
    lack = "the couch empty" if "loaded" in by_load else "about 70 kg on the couch" if "unloaded" in by_load else "and without a load"
    return BOTH.format(have, lack)
