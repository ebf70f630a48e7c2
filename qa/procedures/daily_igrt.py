"""The daily IGRT check: set-up, match, couch motion, what is left, and imaging against beam, from images before and after a correction.

Physics, formulas and uncertainty budget: docs/physics/daily_igrt.md.
"""

from __future__ import annotations

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

_PAGE = "docs/physics/daily_igrt.md"
_AXES = {"x": "x (to the right facing the gantry)", "y": "y (towards the gantry)", "z": "z (up)"}
_PARTS = {
    "setup": ("where the ball was found minus where it was to be set up", 2),
    "match": ("shift that the system made minus the shift that was needed", 3),
    "couch": ("move of the ball minus the change of the couch readout", 4),
    "residual": ("ball from the imaging isocentre after the correction", 5),
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
)


def accepts(acquisition: Acquisition) -> str:
    """A day's kV images or CBCT of a ball, before and after the couch correction."""
    if not acquisition.day or not (acquisition.volumes or any(image.radiation == "kV" for image in acquisition.images)):
        return "the daily IGRT check needs kV images or a CBCT of a ball, before and after the couch correction"
    return ""


def analyse(acquisition: Acquisition) -> Analysis:
    """Every route by itself; what a route lacks is said and keeps no other from being measured."""
    from qa import ball_day, ball_looks, daily_evidence, daily_readings

    day = ball_day.day(acquisition)
    routes = ball_looks.routes(day)
    found = daily_readings.readings({q.key: q for q in QUANTITIES}, day, routes, acquisition.certificate)
    return Analysis(tuple(found), daily_evidence.show(acquisition, day, routes))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random machine, a ball imaged before and after a couch correction, a CBCT and MV images, with their truth from ``phantoms``."""
    from qa import daily_rehearsal

    return daily_rehearsal.draw(rng)


PROCEDURE = Procedure(
    name="daily_igrt",
    title="Daily IGRT check",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    on_request=True,
)
