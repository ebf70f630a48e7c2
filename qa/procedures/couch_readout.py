"""Calibration of the couch readout: the affine that maps it to true displacements, with covariance, as a correction table.

Physics, formulas and uncertainty budget: docs/physics/couch_readout.md.
"""

from __future__ import annotations

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

_PAGE = "docs/physics/couch_readout.md"

QUANTITIES = (
    *(
        Quantity(f"couch_gain_{row}{column}", "", f"true mm along {row} for every mm read out along {column}", f"{_PAGE}, section 2")
        for row in "xyz"
        for column in "xyz"
    ),
    Quantity("couch_readout_residual", "mm", "largest distance of a stop from the affine along one axis", f"{_PAGE}, section 3"),
)


def accepts(acquisition: Acquisition) -> str:
    """A day on which one imaging system took images at several couch places, by the readouts."""
    from qa import couch_stops

    return couch_stops.of_several_places(acquisition)


def analyse(acquisition: Acquisition) -> Analysis:
    """The affine from readout to displacement, for every imaging system that saw the ball."""
    from qa import couch_readout_evidence, couch_readout_readings, couch_stops, couch_travel

    travels = [couch_travel.travel(stops) for stops in couch_stops.of_day(acquisition)]
    found = couch_readout_readings.readings({q.key: q for q in QUANTITIES}, travels)
    return Analysis(tuple(found), couch_readout_evidence.show(travels))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random couch that stretches, leans and has backlash, with its truth from ``phantoms``."""
    from qa import couch_readout_rehearsal

    return couch_readout_rehearsal.draw(rng)


PROCEDURE = Procedure(
    name="couch_readout",
    title="Calibration of the couch readout",
    subject="couch",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstration_protocol="couch_readout_annual",
    provides="couch readout to displacement",
)
