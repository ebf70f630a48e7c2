"""Multi-target Winston-Lutz: how far each of several balls off the axis is from the field that was planned round it, and why.

Physics, formulas and uncertainty budget: docs/physics/winston_lutz_multi.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import Quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

    from qa.engines import Theirs

_PAGE = "docs/physics/winston_lutz_multi.md"


def _quantity(key: str, meaning: str, section: int, unit: str = "mm") -> Quantity:
    return Quantity(key, unit, meaning, f"{_PAGE}, section {section}")


PER_IMAGE = (
    _quantity("target_offset_u", "ball minus field centre along u, one target in one image, on the isocentre plane", 3),
    _quantity("target_offset_v", "ball minus field centre along v, one target in one image, on the isocentre plane", 3),
)
PER_TARGET = (
    _quantity("target_distance", "largest distance between a target's ball and its field centre over its images", 5),
    _quantity("target_distance_3d", "length of the displacement that explains a target's offsets in all its images best", 5),
)
PARTS = (
    _quantity("target_shift_x", "displacement common to all balls against their fields, x (to the right facing the gantry)", 6),
    _quantity("target_shift_y", "displacement common to all balls against their fields, y (towards the gantry)", 6),
    _quantity("target_shift_z", "displacement common to all balls against their fields, z (up)", 6),
    _quantity("target_pitch", "rotation common to all balls against their fields, right-handed about x through the isocentre", 6, "deg"),
    _quantity("target_roll", "rotation common to all balls against their fields, right-handed about y through the isocentre", 6, "deg"),
    _quantity("target_yaw", "rotation common to all balls against their fields, right-handed about z through the isocentre", 6, "deg"),
    _quantity("target_field_scale", "how much further from the axis the fields are than the balls, in proportion to the distance", 6, "%"),
    _quantity(
        "target_collimator_angle", "how far the fields are turned too far about the collimator's axis (towards larger angles)", 6, "deg"
    ),
)
PER_SET = (
    _quantity("max_target_offset", "largest distance between ball and field centre over all targets and images", 5),
    _quantity("median_target_offset", "median distance between ball and field centre over all targets and images", 5),
    *PARTS,
    _quantity("target_residual", "root mean square distance that shift, rotation, scale and collimator angle do not explain", 6),
)


def accepts(acquisition: Acquisition) -> str:
    """MV images of which one at least shows several fields, or a field off the axis; the images are looked at coarsely."""
    if acquisition.day:
        return "the multi-target test takes the MV images of one set, not everything of a day"
    if acquisition.radiation != "MV":
        return f"the multi-target test needs MV images of balls in treatment fields; these are {acquisition.radiation} images"
    from qa import multi_accept

    return multi_accept.missing(acquisition.images)


def analyse(acquisition: Acquisition) -> Analysis:
    """All readings of a set of images of several balls, and what to show for them.

    Every field is measured alone; one that cannot be is named and the others go on.
    """
    from qa import multi_evidence, multi_readings, multi_shots
    from qa.multi_sets import gather

    quantities = {q.key: q for q in PER_IMAGE + PER_TARGET + PER_SET}
    found = gather(multi_shots.measure_all(acquisition.images))
    return Analysis(tuple(multi_readings.all_of(quantities, found)), multi_evidence.show(found))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """Six images of three balls on a random machine, with their truth from ``phantoms``."""
    from qa import multi_rehearsal

    return multi_rehearsal.draw(rng)


def second_engine(acquisition: Acquisition, files: Mapping[str, Path], say: Callable[[str], None]) -> Theirs:
    """The same images through pylinac, told where we found the balls."""
    from qa import multi_engine

    return multi_engine.measure(acquisition, files, say)


PROCEDURE = Procedure(
    name="winston_lutz_multi",
    title="Multi-target Winston-Lutz",
    subject="isocentre",
    version="1",
    quantities=PER_IMAGE + PER_TARGET + PER_SET,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    second_engine=second_engine,
)
