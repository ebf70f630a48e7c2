"""Registration accuracy: what a treatment system proposed between two CBCTs or kV pairs of a ball phantom, against how it moved.

Physics, formulas and uncertainty budget: docs/physics/registration_accuracy.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Measured, NotMeasured, Quantity, Reading

if TYPE_CHECKING:
    import numpy as np

_PAGE = "docs/physics/registration_accuracy.md"
_ONE_PLACE = "the kV images of this day are of one place of the couch and were left out"
_AXES = {
    "x": "x (to the right facing the gantry)",
    "y": "y (towards the gantry)",
    "z": "z (up)",
    "pitch": "pitch (about x)",
    "roll": "roll (about y)",
    "yaw": "yaw (about z)",
}


def _six(key: str, meaning: str, section: int) -> tuple[Quantity, ...]:
    """One quantity for every degree of freedom."""
    units = dict(zip(_AXES, ("mm",) * 3 + ("deg",) * 3, strict=True))
    return tuple(
        Quantity(f"registration_{key}_{axis}", units[axis], f"{meaning}, {words}", f"{_PAGE}, section {section}")
        for axis, words in _AXES.items()
    )


QUANTITIES = (
    *_six("found", "motion of the phantom from scan to scan, by its balls", 2),
    *_six("image", "motion of the phantom from scan to scan, by the voxels", 5),
    *_six("proposed", "motion as the treatment system proposed it", 3),
    *_six("known", "motion as the couch's readouts tell it", 4),
    *_six("error", "proposed minus found", 6),
    Quantity("registration_error_length", "mm", "length of the error at the isocentre (kV pairs: at the ball)", f"{_PAGE}, section 6"),
    Quantity("registration_error_tre", "mm", "largest error at the isocentre and 50 mm from it along every axis", f"{_PAGE}, section 6"),
)


def accepts(acquisition: Acquisition) -> str:
    """A day with two CBCT volumes, or with kV images."""
    count, kilovolt = len(acquisition.volumes), any(image.radiation == "kV" for image in acquisition.images)
    if acquisition.day and (count == 2 or kilovolt):
        return ""
    found = {0: "there is none", 1: "this is one", 2: "these are not taken together"}.get(count, f"these are {count}")
    return (
        f"registration accuracy needs the two CBCT volumes of a ball phantom that were matched, of one day; {found}; or a kV pair of a "
        "ball before and one after the correction"
    )


def analyse(acquisition: Acquisition) -> Analysis:
    """What was found, proposed and known, per axis, and proposed minus found: of the CBCTs, and of the kV pairs, where there are any."""
    from qa import grouping, registration_accuracy_kv

    if reason := accepts(acquisition):
        return Analysis(tuple(NotMeasured(quantity, reason) for quantity in QUANTITIES))
    taken = registration_accuracy_kv.images(acquisition)
    if not acquisition.volumes:
        return _kilovolt(acquisition)
    scans = _scans(acquisition)
    if not taken:
        return scans
    if len(acquisition.volumes) == 2 and not grouping.moved(taken):
        return Analysis(tuple(_remarked(scans.readings)), scans.evidence)
    pairs = _kilovolt(acquisition)
    return Analysis((*scans.readings, *pairs.readings), (*scans.evidence, *pairs.evidence))


def _scans(acquisition: Acquisition) -> Analysis:
    """Two CBCTs. Without a certificate in force nothing is measured."""
    from qa import ball_moves, registration_accuracy_evidence, registration_accuracy_readings

    at = registration_accuracy_readings.AT
    if (count := len(acquisition.volumes)) != 2:
        reason = f"{count} CBCT volumes of this day, two are needed, one before and one after: hand in those of one match"
        return Analysis(tuple(NotMeasured(quantity, reason, at) for quantity in QUANTITIES))
    scans = ball_moves.scans(acquisition)
    if isinstance(scans, str):
        return Analysis(tuple(NotMeasured(quantity, scans, at) for quantity in QUANTITIES))
    move = ball_moves.move(scans[0], scans[1], ball_moves.steps([scan.readout for scan in scans]))
    one = move if isinstance(move, str) else registration_accuracy_readings.compared(acquisition, scans, move)
    if isinstance(one, str):
        reasons = tuple(NotMeasured(quantity, one, at) for quantity in QUANTITIES)
        return Analysis(reasons, registration_accuracy_evidence.show(scans, None, reasons))
    readings = registration_accuracy_readings.readings({quantity.key: quantity for quantity in QUANTITIES}, one)
    return Analysis(tuple(readings), registration_accuracy_evidence.show(scans, one, readings))


def _kilovolt(acquisition: Acquisition) -> Analysis:
    """A kV pair before and one after."""
    from qa import registration_accuracy_kv, registration_accuracy_kv_readings

    day, routes = registration_accuracy_kv.looked(acquisition)
    one = registration_accuracy_kv.shifted(acquisition, routes)
    readings = registration_accuracy_kv_readings.readings({quantity.key: quantity for quantity in QUANTITIES}, one)
    return Analysis(tuple(readings), registration_accuracy_kv_readings.show(acquisition, day, routes, one, readings))


def _remarked(readings: Sequence[Reading]) -> list[Reading]:
    """That kV images of one couch place were left out, beside every number."""
    return [replace(one, flags=(*one.flags, _ONE_PLACE)) if isinstance(one, Measured) else one for one in readings]


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random phantom with four balls, scanned before and after a motion, and a system that matched it with faults."""
    from qa import registration_accuracy_rehearsal

    return registration_accuracy_rehearsal.draw(rng)


PROCEDURE = Procedure(
    name="registration_accuracy",
    title="Registration accuracy",
    subject="registration",
    version="3",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    on_request=True,
    parts_are_ways=True,
)
