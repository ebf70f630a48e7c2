"""Couch-top sag: how far the couch top sinks and tips as it is extended, unloaded and loaded, and what the load adds.

Physics, formulas and uncertainty budget: docs/physics/couch_sag.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Quantity

if TYPE_CHECKING:
    import numpy as np


def _quantity(key: str, unit: str, meaning: str, section: int) -> Quantity:
    return Quantity(key, unit, meaning, f"docs/physics/couch_sag.md, section {section}")


QUANTITIES = (
    _quantity("couch_sag_max", "mm", "largest sag from the least extended stop (positive: sank)", 4),
    _quantity("couch_sag_height", "mm", "height of the couch at a stop minus its readout, from the least extended stop (up)", 4),
    _quantity("couch_sag_offset", "mm", "a of height = a + b E + c E^2, E the extension from the first stop in 100 mm", 5),
    _quantity("couch_sag_slope", "mm", "b of it, mm for 100 mm of extension at the first stop", 5),
    _quantity("couch_sag_curve", "mm", "c of it, mm for the square of 100 mm of extension", 5),
    _quantity("couch_sag_residual", "mm", "largest distance of a stop from it", 5),
    _quantity("couch_sag_load", "mm", "largest lowering of the couch by the load at one extension", 6),
    _quantity("couch_sag_load_start", "mm", "lowering of the couch by the load at the least extension", 6),
    _quantity("couch_sag_pitch", "deg", "pitch of the couch top at a stop from the least extended one (gantry's end up)", 7),
    _quantity("couch_sag_pitch_max", "deg", "largest change of the couch top's pitch from the least extended stop", 7),
)


def accepts(acquisition: Acquisition) -> str:
    """A day on which one imaging system took images at three extensions of the couch or more, over 100 mm, by the readouts."""
    from qa import couch_sag_stops

    return couch_sag_stops.extended(acquisition)


def analyse(acquisition: Acquisition) -> Analysis:
    """The couch's height against its readout at every extension, pass by pass, for every imaging system; then what the load adds."""
    from qa import couch_sag_evidence, couch_sag_pass, couch_sag_pitch, couch_sag_readings, couch_sag_stops

    found = []
    for system in couch_sag_stops.of_day(acquisition):
        sags = [couch_sag_pass.sag(system, taken) for taken in system.passes]
        load = couch_sag_readings.loads(system, sags)
        passes = [couch_sag_readings.Hung(one, couch_sag_pitch.tipped(one)) for one in couch_sag_readings.felt(sags, load)]
        found.append((system, passes, load))
    readings = couch_sag_readings.readings({quantity.key: quantity for quantity in QUANTITIES}, found)
    return Analysis(tuple(readings), couch_sag_evidence.show(found))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random couch top, not flat, that sinks as it goes out and more with a load, with its truth from ``phantoms``."""
    from qa import couch_sag_rehearsal

    return couch_sag_rehearsal.draw(rng)


PROCEDURE = Procedure(
    name="couch_sag",
    title="Couch-top sag against extension",
    subject="couch",
    version="2",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstration_protocol="tg142_annual_couch",
    on_request=True,
)
