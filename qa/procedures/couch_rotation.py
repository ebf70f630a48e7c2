"""Couch rotation: does the couch turn as far as its readout says, about one axis, and where is that axis.

Physics, formulas and uncertainty budget: docs/physics/couch_rotation.md.
"""

from __future__ import annotations

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

_PAGE = "docs/physics/couch_rotation.md"


def _quantity(key: str, unit: str, meaning: str, section: int) -> Quantity:
    return Quantity(key, unit, meaning, f"{_PAGE}, section {section}")


QUANTITIES = (
    _quantity("couch_turn_error_max", "deg", "largest distance of the couch's turn from its readout", 3),
    _quantity("couch_turn_error", "deg", "turn of the ball's path from the first angle minus the readout, in one image", 3),
    _quantity("couch_turn_scale", "", "true degrees for every degree read out", 3),
    _quantity("couch_turn_axis_x", "mm", "axis of couch rotation from the imager's origin, x (to the right facing the gantry)", 2),
    _quantity("couch_turn_axis_y", "mm", "axis of couch rotation from the imager's origin, y (towards the gantry)", 2),
    _quantity("couch_turn_axis_offset", "mm", "distance of the axis of couch rotation from the centre of the treatment field", 4),
    _quantity("couch_turn_wander", "mm", "largest distance of the ball from the circle through its path", 2),
    _quantity("couch_turn_arm", "mm", "radius of the ball's path on the isocentre plane", 2),
)


def accepts(acquisition: Acquisition) -> str:
    """MV images at one gantry angle, 0 or 180 degrees, and at four couch angles or more that surround the axis."""
    from qa import couch_rotation_path

    if acquisition.day or acquisition.radiation != "MV":
        return "couch rotation needs MV images of one ball at several couch angles, of one couch place"
    return couch_rotation_path.shortage(couch_rotation_path.from_above(acquisition.images))


def analyse(acquisition: Acquisition) -> Analysis:
    """The circle through the ball's path, where the ball stands on it in every image, and the axis against the field."""
    from qa import couch_rotation_evidence, couch_rotation_path, couch_rotation_readings

    found = couch_rotation_path.path(acquisition.images)
    readings = couch_rotation_readings.readings({q.key: q for q in QUANTITIES}, found)
    return Analysis(tuple(readings), couch_rotation_evidence.show(found))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random couch that turns too far or too short about a wandering axis, with its truth from ``phantoms``."""
    from qa import couch_rotation_rehearsal

    return couch_rotation_rehearsal.draw(rng)


PROCEDURE = Procedure(
    name="couch_rotation",
    title="Couch rotation against its readout",
    subject="couch",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstration_protocol="tg142_monthly_couch",
)
