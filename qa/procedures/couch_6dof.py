"""Couch in six degrees of freedom: how a ball phantom moved from CBCT to CBCT, against what the couch says it did.

Physics, formulas and uncertainty budget: docs/physics/couch_6dof.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Quantity

if TYPE_CHECKING:
    import numpy as np

_PAGE = "docs/physics/couch_6dof.md"
_SHIFTS = {"x": "x (to the right facing the gantry)", "y": "y (towards the gantry)", "z": "z (up)"}
_TURNS = {"pitch": "pitch (about x)", "roll": "roll (about y)", "yaw": "yaw (about z)"}


def _six(key: str, turn: str, meaning: str, section: int) -> tuple[Quantity, ...]:
    """One quantity for every degree of freedom."""
    shifts = [Quantity(f"couch6d_{key}_{k}", "mm", f"{meaning}, {words}", f"{_PAGE}, section {section}") for k, words in _SHIFTS.items()]
    turns = [Quantity(f"couch6d_{turn}_{k}", "deg", f"{meaning}, {words}", f"{_PAGE}, section {section}") for k, words in _TURNS.items()]
    return (*shifts, *turns)


QUANTITIES = (
    *_six("move", "turn", "motion of the phantom from the first CBCT, at the isocentre", 4),
    *_six("error", "error", "measured motion minus the couch readouts' difference", 5),
    Quantity("couch6d_coupling_shift", "mm", "length of the shift along axes that were not to move", f"{_PAGE}, section 6"),
    Quantity("couch6d_coupling_turn", "deg", "size of the turn about axes that were not to turn", f"{_PAGE}, section 6"),
    *_six("max_error", "max_error", "largest error of a readout over all moves", 7),
)


def accepts(acquisition: Acquisition) -> str:
    """A day with two CBCT volumes or more, of a certified phantom or with the couch in different places."""
    from qa.ball_moves import moved

    count = len(acquisition.volumes)
    if not acquisition.day or count < 2:
        found = "this is one" if count == 1 else "there is none" if count == 0 else "these are not taken together"
        return f"the couch needs two CBCT volumes or more of a ball phantom, of one day, the couch moved in between; {found}"
    if acquisition.certificate is None and not moved(acquisition.volumes):
        return "the couch needs CBCT volumes of a ball phantom with its certificate (--certificate FILE), the couch moved in between"
    return ""


def analyse(acquisition: Acquisition) -> Analysis:
    """The motion from the first scan to every other, what of it the readouts do not explain, and the largest of that.

    Without a certificate in force for the phantom in the scans nothing is measured.
    """
    from qa import ball_moves, couch_6dof_evidence, couch_6dof_readings

    scans = ball_moves.scans(acquisition) if acquisition.volumes else "there is no CBCT volume"
    if isinstance(scans, str):
        return Analysis(couch_6dof_readings.nothing(QUANTITIES, scans))
    steps = ball_moves.steps([scan.readout for scan in scans])
    found = [(scan, ball_moves.move(scans[0], scan, steps)) for scan in scans[1:]]
    if not found:
        return Analysis(couch_6dof_readings.nothing(QUANTITIES, "one CBCT shows no motion: move the couch and scan again"))
    readings = couch_6dof_readings.readings({quantity.key: quantity for quantity in QUANTITIES}, found)
    return Analysis(tuple(readings), couch_6dof_evidence.show(scans, found))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random phantom with four balls, scanned before and after a shift with a turn, and after a tilt, on a couch with faults."""
    from qa import couch_6dof_rehearsal

    return couch_6dof_rehearsal.draw(rng)


PROCEDURE = Procedure(
    name="couch_6dof",
    title="Couch motion in six degrees of freedom",
    subject="couch",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
)
