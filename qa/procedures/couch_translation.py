"""Couch translation: does the couch go as far as its readout says, along each axis, straight, square, and from either side.

Physics, formulas and uncertainty budget: docs/physics/couch_translation.md.
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

_PAGE = "docs/physics/couch_translation.md"
_AXES = {"x": "x (to the right facing the gantry)", "y": "y (towards the gantry)", "z": "z (up)"}


def _quantity(key: str, meaning: str, section: int, unit: str = "mm") -> Quantity:
    return Quantity(key, unit, meaning, f"{_PAGE}, section {section}")


def _along(key: str, meaning: str, section: int, unit: str = "mm") -> tuple[Quantity, ...]:
    return tuple(_quantity(f"{key}_{axis}", f"{meaning} {words}", section, unit) for axis, words in _AXES.items())


QUANTITIES = (
    _quantity("couch_error_max", "largest distance of the couch's move from its readout along one axis", 3),
    _quantity("couch_error_3d_max", "largest distance of the couch's move from its readout in space", 3),
    *_along("couch_move", "how far the ball went from the first stop, along", 3),
    *_along("couch_error", "how far the ball went from the first stop minus the readout, along", 3),
    _quantity("couch_error_3d", "distance in space of the ball's move from the readout", 3),
    *(_quantity(f"couch_error_{axis}", f"the ball's move minus the readout in one image, along {axis}", 3) for axis in "uv"),
    *_along("couch_scale", "true move for every mm read out, along", 4, ""),
    *_along("couch_far_error", "error that the scale makes of a move of 20 mm, along", 4),
    *_along("couch_linearity", "largest distance of a stop from the straight line of moves against readouts, along", 4),
    *(
        _quantity(f"couch_square_{pair}", f"angle between travel along {pair[0]} and along {pair[1]}, minus 90", 4, "deg")
        for pair in ("xy", "xz", "yz")
    ),
    *_along("couch_backlash", "a place come to with growing readouts minus come to with falling ones, along", 5),
    _quantity("couch_hysteresis", "largest distance between two stops at one place come to from opposite sides", 5),
)


def accepts(acquisition: Acquisition) -> str:
    """A day on which one imaging system took images at several couch places, by the readouts."""
    from qa import couch_stops

    return couch_stops.of_several_places(acquisition)


def analyse(acquisition: Acquisition) -> Analysis:
    """The ball's displacement from stop to stop against the readout's, for every imaging system that saw it."""
    from qa import couch_stops, couch_translation_evidence, couch_translation_readings, couch_travel

    travels = [couch_travel.travel(stops) for stops in couch_stops.of_day(acquisition)]
    found = couch_translation_readings.readings({q.key: q for q in QUANTITIES}, travels)
    return Analysis(tuple(found), couch_translation_evidence.show(travels))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random couch that stretches, leans and has backlash, with its truth from ``phantoms``."""
    from qa import couch_translation_rehearsal

    return couch_translation_rehearsal.draw(rng)


def demonstrate(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """A ball in MV images from two sides at six couch places of an ordinary machine."""
    from qa import couch_translation_demonstration

    return couch_translation_demonstration.files(folder, say)


PROCEDURE = Procedure(
    name="couch_translation",
    title="Couch translation against its readout",
    subject="couch",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstrate=demonstrate,
    demonstration_protocol="tg142_monthly_couch",
)
