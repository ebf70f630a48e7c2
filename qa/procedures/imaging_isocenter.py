"""Imaging isocentre against treatment isocentre: how far kV, MV and CBCT are from where the beam is, as vectors in the room.

Physics, formulas and uncertainty budget: docs/physics/imaging_isocenter.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

_PAGE = "docs/physics/imaging_isocenter.md"
_SYSTEMS = {"kv": "kV imaging", "mv": "MV imaging", "cbct": "CBCT"}
_CARDINALS = "gantry 0, 90, 180 and 270 degrees"
_AXES = {"x": "x (to the right facing the gantry)", "y": "y (towards the gantry)", "z": "z (up)"}


def _quantity(key: str, meaning: str, section: int) -> Quantity:
    return Quantity(key, "mm", meaning, f"{_PAGE}, section {section}")


def _along(key: str, meaning: str, section: int) -> tuple[Quantity, ...]:
    return tuple(_quantity(f"{key}_{axis}", f"{meaning}, {words}", section) for axis, words in _AXES.items())


def _system(kind: str, name: str) -> tuple[Quantity, ...]:
    largest = "projections at gantry 0 and 90 degrees" if kind == "cbct" else "all its images"
    found = (
        *_along(f"{kind}_ball", f"ball from the {name} isocentre", 3),
        *_along(f"{kind}_isocenter", f"{name} isocentre minus treatment isocentre", 4),
        _quantity(f"{kind}_isocenter_distance", f"distance of the {name} isocentre from the treatment isocentre", 4),
        _quantity(f"{kind}_isocenter_max_2d", f"largest projected distance of {name} from treatment isocentre over {largest}", 4),
    )
    if kind != "mv":
        found += _along(f"{kind}_couch_move", f"couch readout from {name} to treatment images, applied", 4)
    if kind == "cbct":
        return found
    found += (
        _quantity(f"{kind}_isocenter_cardinals", f"largest distance of {name} from treatment isocentre at {_CARDINALS}", 4),
        *(_quantity(f"{kind}_offset_{axis}", f"{name} minus treatment isocentre in one image, along {axis}", 5) for axis in "uv"),
        *(_quantity(f"{kind}_residual_{axis}", f"what the {name} isocentre does not explain in one image, {axis}", 5) for axis in "uv"),
    )
    return found


QUANTITIES = (
    *_along("treatment_ball", "ball from the treatment isocentre", 2),
    *(quantity for kind, name in _SYSTEMS.items() for quantity in _system(kind, name)),
    *_along("kv_ball_move", "move of the ball between the first and the last couch place, as kV images see it", 6),
    *_along("kv_ball_move_error", "move of the ball as kV images see it, minus the couch readout's difference", 6),
)


def accepts(acquisition: Acquisition) -> str:
    """A day's kV images or CBCT belong to this test, with the MV Winston-Lutz images of the same ball."""
    if not acquisition.day or not (acquisition.volumes or any(image.radiation == "kV" for image in acquisition.images)):
        return "the imaging isocentre needs kV images or a CBCT of a ball, and Winston-Lutz images of the same day"
    return ""


def analyse(acquisition: Acquisition) -> Analysis:
    """Where every imaging system sees the ball, and how far its isocentre is from the treatment isocentre.

    What cannot be connected to a treatment isocentre of that day is reported in the system's own coordinates, with what is missing.
    """
    from qa import ball_day, imaging_isocenter_evidence, imaging_isocenter_readings

    day = ball_day.day(acquisition)
    compared = imaging_isocenter_readings.compare(day, acquisition.couch_still)
    readings = imaging_isocenter_readings.readings({q.key: q for q in QUANTITIES}, day, compared)
    return Analysis(tuple(readings), imaging_isocenter_evidence.show(acquisition, day, compared))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random machine with its kV and CBCT systems, its ball, and couch moves in between, with their truth from ``phantoms``."""
    from qa import imaging_isocenter_rehearsal

    return imaging_isocenter_rehearsal.draw(rng)


def demonstrate(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """kV images, a CBCT and MV images of a monthly check of an ordinary machine."""
    from qa import imaging_isocenter_demonstration

    return imaging_isocenter_demonstration.write(folder, say)


PROCEDURE = Procedure(
    name="imaging_isocenter",
    title="Imaging isocentre against treatment isocentre",
    subject="isocentre",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstrate=demonstrate,
    demonstration_protocol="tg142_daily",
    applies=("couch readout to displacement",),
)
