"""The daily IGRT check: set-up, match, couch motion, what is left, and imaging against beam, from images before and after a correction.

Physics, formulas and uncertainty budget: docs/physics/daily_igrt.md.
"""

from __future__ import annotations

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

_PAGE = "docs/physics/daily_igrt.md"
_AXES = {"x": "x (to the right facing the gantry)", "y": "y (towards the gantry)", "z": "z (up)"}
_PARTS = {
    "setup": ("where the ball was found minus where it was to be set up", 2),
    "match": ("shift that the system made minus the shift that was needed", 3),
    "couch": ("move of the ball minus the change of the couch readout", 4),
    "residual": ("ball from the imaging isocentre after the correction", 5),
}
_TURNS = {
    "setup": "turn of the phantom against how it is meant to lie",
    "match": "turn that the system made against the turn that was needed",
    "couch": "turn of the phantom beyond the change of the couch readout",
    "residual": "turn of the phantom that is left after the correction",
}


def _quantities(key: str, meaning: str, section: int) -> tuple[Quantity, ...]:
    source = f"{_PAGE}, section {section}"
    along = tuple(Quantity(f"daily_{key}_{axis}", "mm", f"{meaning}, {words}", source) for axis, words in _AXES.items())
    return (*along, Quantity(f"daily_{key}_distance", "mm", f"{meaning}, length", source))


QUANTITIES = (
    *(quantity for key, (meaning, section) in _PARTS.items() for quantity in _quantities(key, meaning, section)),
    Quantity(
        "daily_coincidence",
        "mm",
        "largest distance of the imaging isocentre from the beam's axis over the MV images",
        f"{_PAGE}, section 6",
    ),
    *(Quantity(f"daily_{key}_turn", "deg", f"{meaning}, angle", f"{_PAGE}, section 7") for key, meaning in _TURNS.items()),
)
MANY = (
    "the certificate is of a phantom of several balls, which lie over each other in kV images: which is which is not told there; "
    "take CBCTs of it, or use a phantom of one ball for kV images and hand in its certificate"
)


def accepts(acquisition: Acquisition) -> str:
    """A day's kV images or CBCT of a ball, before and after the couch correction."""
    if not acquisition.day or not (acquisition.volumes or any(image.radiation == "kV" for image in acquisition.images)):
        return "the daily IGRT check needs kV images or a CBCT of a ball, before and after the couch correction"
    return ""


def analyse(acquisition: Acquisition) -> Analysis:
    """Every route by itself; what a route lacks is said and keeps no other from being measured."""
    from dataclasses import replace

    from qa import ball_day, ball_looks, daily_evidence, daily_readings

    angles, certificate = ball_looks.angles_deg(acquisition), acquisition.certificate
    if certificate is not None and len(certificate.balls) > 1:
        from qa import daily_poses

        beams = tuple(image for image in acquisition.images if image.radiation != "kV")
        day = ball_day.day(replace(acquisition, images=beams, volumes=()), angles)
        routes = ball_looks.routes(day, daily_poses.looks(acquisition), ball_looks.unfit(acquisition, MANY))
    else:
        day = ball_day.day(acquisition, angles)
        routes = ball_looks.routes(day)
    found = daily_readings.readings({q.key: q for q in QUANTITIES}, day, routes, acquisition.certificate)
    return Analysis(tuple(found), daily_evidence.show(acquisition, day, routes))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random machine, a ball imaged before and after a couch correction, a CBCT and MV images, with their truth from ``phantoms``."""
    from qa import daily_rehearsal

    return daily_rehearsal.draw(rng)


def demonstrate(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """A kV pair, a couch correction, a second pair and one image of the beam of an ordinary machine."""
    from qa import daily_demonstration

    return daily_demonstration.files(folder, say)


PROCEDURE = Procedure(
    name="daily_igrt",
    title="Daily IGRT check",
    subject="daily",
    version="3",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstrate=demonstrate,
    demonstration_protocol="tg142_morning",
    on_request=True,
    parts_are_ways=True,
)
