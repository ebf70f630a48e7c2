"""Imaging isocentre minus treatment isocentre: the vector of one imaging set, and the offsets of its images.

Physics: docs/physics/imaging_isocenter.md, sections 4 to 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import ball_position, couch_correction, grouping
from qa.ball_day import Day, ImagingSet, Treatment, turned_away
from qa.ball_images import SAME_BALL_MM
from qa.ball_position import BallPosition, OneDirection, project
from qa.couch_move import LONG_H, SILENT_ANGLE, Move

Array = NDArray[np.float64]
LOOKS_ALIKE_MM = 0.3  # of diameter: beyond, the same ball is possible and worth a look
CONTRADICTS_MM, CONTRADICTS_U = 0.3, 3.0  # two sets of one system that differ by more than both of these contradict each other


STATED = "the couch was not moved between imaging and treatment images, as the performer states"


@dataclass(frozen=True)
class Coincidence:
    """One imaging isocentre minus the treatment isocentre: (3,) mm in F, named parts of the covariance, the couch move applied."""

    vector_mm: Array
    components: dict[str, Array]
    move: Move

    @property
    def covariance(self) -> Array:
        """(3, 3) mm^2."""
        return np.asarray(sum(self.components.values(), np.zeros((3, 3))))


@dataclass(frozen=True)
class Offsets:
    """Imaging minus treatment in every image of a set, (n, 2) mm on the isocentre plane, and named standard uncertainties (n, 2)."""

    values_mm: Array
    components: dict[str, Array]

    @property
    def u_mm(self) -> Array:
        """Standard uncertainties (n, 2)."""
        return np.asarray(np.sqrt(sum((part**2 for part in self.components.values()), np.zeros_like(self.values_mm))))


def connected(day: Day, item: ImagingSet, couch_still: bool) -> Move | str:
    """The couch move from an imaging set to the treatment set, or why the two cannot be connected."""
    treatment = day.treatment
    if isinstance(treatment, str):
        return treatment
    if turned := turned_away(item, treatment):
        return turned
    if reason := _other_ball(day, item) or _elsewhere(item):
        return reason
    if treatment.uids & {seen.image.sop_instance_uid for seen in item.images}:
        return Move(np.zeros(3), np.zeros(3), "same images")
    if item.acquired is None or treatment.acquired is None:
        return "the files do not say when they were taken, so nobody knows whether they belong together: export them with date and time"
    if item.couch_mm is None or treatment.couch_mm is None:
        if couch_still and (contradicting := _moved(day)):
            return contradicting
        if couch_still:
            return Move(np.zeros(3), np.zeros(3), "stated")
        silent = {"kv": "kV images", "mv": "MV images", "cbct": "CBCT's files"}[item.kind] if item.couch_mm is None else "treatment images"
        return (
            f"the {silent} do not tell where the couch stood, so nobody knows whether it moved in between: if it did not, say so "
            "(--couch-not-moved)"
        )
    return couch_correction.moved(day.correction, item.couch_mm, treatment.couch_mm, item.couch_deg)


def _other_ball(day: Day, item: ImagingSet) -> str:
    """Why the ball of a set is not that of the treatment images; "" when it may be."""
    assert isinstance(day.treatment, Treatment)
    here, there = item.diameter_mm, day.treatment.diameter_mm
    if here is None or abs(here - there) <= SAME_BALL_MM:
        return ""
    name = {"kv": "kV images", "mv": "MV images", "cbct": "CBCT"}[item.kind]
    return f"the phantom is {here:.1f} mm wide in the {name} and {there:.1f} mm in the treatment images: use one phantom for all of them"


def _moved(day: Day) -> str:
    """Why the couch cannot have stood still: readouts there are show that it moved; "" when none do."""
    known = [item.couch_mm for item in day.sets if item.couch_mm is not None]
    if len(known) > 1 and float(np.ptp(np.array(known), axis=0).max()) > grouping.SAME_PLACE_MM:
        return "the couch was moved, as readouts of these images show, and others do not tell where it stood: image again with readouts"
    return ""


def contradiction(differences: Array, u: Array) -> bool:
    """Whether a difference that should be nothing is one: beyond 0.3 mm and beyond three standard uncertainties along any axis."""
    return bool((np.abs(differences) > np.maximum(CONTRADICTS_MM, CONTRADICTS_U * u)).any())


def cautions(item: ImagingSet, treatment: Treatment, move: Move) -> tuple[tuple[str, ...], str]:
    """What a reader should know of a comparison (flags), and what keeps it from passing ("" nothing)."""
    flags = [STATED] if move.source == "stated" else [move.said] if move.said else []
    if item.volume is not None and item.volume.couch_deg is None:
        flags.append(SILENT_ANGLE)
    wide = item.diameter_mm
    if wide is not None and abs(wide - treatment.diameter_mm) > LOOKS_ALIKE_MM:
        flags.append(f"the ball looks {wide:.1f} mm wide here and {treatment.diameter_mm:.1f} mm in the treatment images: is it the same?")
    if isinstance(item.position, OneDirection) and item.images:
        flags.append("seen from one direction only: a displacement along the beam is not seen")
    hours = abs((item.acquired - treatment.acquired).total_seconds()) / 3600 if item.acquired and treatment.acquired else 0.0
    if hours > LONG_H:
        return tuple(flags), f"{hours:.0f} hours between imaging and treatment images: image both in one go"
    return tuple(flags), ""


def _elsewhere(item: ImagingSet) -> str:
    """Why a volume's origin cannot be the imaging isocentre; "" when it can."""
    return "" if item.volume is None else ball_position.elsewhere(item.volume)


def coincidence(treatment: Treatment, position: BallPosition, move: Move) -> Coincidence:
    """I - T = (B - T) - (B - I + couch move)."""
    components = dict(treatment.components) | dict(position.components) | {"couch readout": np.diag(move.u_mm**2)}
    return Coincidence(treatment.ball_mm - position.point_mm - move.vector_mm, components, move)


def offsets(treatment: Treatment, item: ImagingSet, move: Move) -> Offsets:
    """Where the treatment isocentre's frame says the ball would be seen, minus where it was seen."""
    values, parts = [], []
    for seen in item.images:
        predicted, slope = project(treatment.ball_mm - move.vector_mm, seen.image.gantry_deg, seen.image.sad_mm)
        values.append(predicted - seen.ball_mm)
        carried = {name: np.sqrt(np.diag(slope @ part @ slope.T)) for name, part in treatment.components.items()}
        carried["couch readout"] = np.sqrt(slope**2 @ move.u_mm**2)
        parts.append(carried | seen.components)
    names = dict.fromkeys(name for part in parts for name in part)
    components = {name: np.array([part.get(name, np.zeros(2)) for part in parts]) for name in names}
    return Offsets(np.array(values).reshape(-1, 2), components)
