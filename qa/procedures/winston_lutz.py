"""Winston-Lutz: where the treatment beam's isocentre is, how large it is, and how far the ball stands from it.

Physics, formulas and uncertainty budget: docs/physics/winston_lutz.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from qa.acquisition import Acquisition
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import NotMeasured, Quantity, Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

    from qa.engines import Theirs

_PAGE = "docs/physics/winston_lutz.md"


def _quantity(key: str, meaning: str, section: int) -> Quantity:
    return Quantity(key, "mm", meaning, f"{_PAGE}, section {section}")


PER_IMAGE = (
    _quantity("ball_offset_u", "ball minus field centre along u, on the isocentre plane", 3),
    _quantity("ball_offset_v", "ball minus field centre along v, on the isocentre plane", 3),
    _quantity("ball_panel_u", "ball from the panel's centre pixel along u, on the isocentre plane", 4),
    _quantity("ball_panel_v", "ball from the panel's centre pixel along v, on the isocentre plane", 4),
    _quantity("panel_offset_u", "field centre from the imager's own origin along u, on the isocentre plane", 4),
    _quantity("panel_offset_v", "field centre from the imager's own origin along v, on the isocentre plane", 4),
)
PER_SET = (
    _quantity("max_ball_offset", "largest distance between ball and field centre over all images", 3),
    _quantity("median_ball_offset", "median distance between ball and field centre over all images", 3),
    _quantity("max_panel_offset", "largest distance between field centre and the imager's own origin over all images", 4),
    _quantity("ball_shift_x", "move that brings the ball to the treatment isocentre, x (to the right facing the gantry)", 5),
    _quantity("ball_shift_y", "move that brings the ball to the treatment isocentre, y (towards the gantry)", 5),
    _quantity("ball_shift_z", "move that brings the ball to the treatment isocentre, z (up)", 5),
    _quantity("ball_shift_length", "distance from the ball to the treatment isocentre", 5),
    _quantity("ball_shift_ls_x", "as ball_shift_x, to the least-squares isocentre", 5),
    _quantity("ball_shift_ls_y", "as ball_shift_y, to the least-squares isocentre", 5),
    _quantity("ball_shift_ls_z", "as ball_shift_z, to the least-squares isocentre", 5),
    _quantity("isocenter_size_gantry", "diameter of the smallest sphere that all beam axes touch, gantry turning", 6),
    _quantity("isocenter_size_collimator", "diameter of the smallest circle that all beam axes touch, collimator turning", 6),
    _quantity("isocenter_size_couch", "diameter of the smallest circle that all beam axes touch as the couch sees them, couch turning", 6),
    _quantity("isocenter_size_all", "diameter of the smallest sphere that all beam axes touch as the couch sees them, all turning", 6),
    _quantity("collimator_walkout", "radius on which the field centre runs about the collimator's axis", 7),
    _quantity("collimator_axis_offset", "distance of the collimator's axis from the treatment isocentre", 7),
    _quantity("couch_walkout", "radius on which a point at the treatment isocentre runs about the couch's axis", 7),
    _quantity("couch_axis_offset", "distance of the couch's axis from the treatment isocentre", 7),
)


def accepts(acquisition: Acquisition) -> str:
    """MV images belong to this test, unless they show a starshot; kV images show no radiation field of the treatment beam."""
    if acquisition.day:
        return "Winston-Lutz takes the MV images of one couch place, not everything of a day"
    if acquisition.radiation != "MV":
        return f"Winston-Lutz needs MV images of a ball in a treatment field; these are {acquisition.radiation} images"
    from qa import narrow_beams

    if acquisition.images and narrow_beams.of_all((acquisition.images[0], acquisition.images[-1])):
        return "Winston-Lutz needs images of a ball in a treatment field; these show narrow beams, as a starshot does"
    return ""


def analyse(acquisition: Acquisition) -> Analysis:
    """All readings of a set of images of one ball, and what to show for them.

    Every image is measured alone; one that cannot be is named and the others go on. What needs a turning gantry, collimator or couch is
    measured where the images cover it.
    """
    from qa import shots, winston_lutz_evidence, winston_lutz_readings

    by_key = {q.key: q for q in PER_IMAGE + PER_SET}
    measured = shots.measure_all(acquisition.images)
    seen = [shot for shot in measured if isinstance(shot, shots.Shot)]
    readings: list[Reading] = []
    for item in measured:
        if isinstance(item, shots.Shot):
            readings += winston_lutz_readings.per_image(by_key, item)
        else:
            readings += [NotMeasured(q, f"{item.image.name}: {item.reason}", item.image.at) for q in PER_IMAGE]
    unseen = tuple(item for item in measured if isinstance(item, shots.Unseen))
    if not seen:
        why = "; ".join(dict.fromkeys(item.reason for item in unseen)) or "no images"
        absent = PER_SET if unseen else PER_IMAGE + PER_SET
        return Analysis((*readings, *(NotMeasured(q, f"no image could be measured: {why}") for q in absent)))
    geometry = winston_lutz_readings.geometry(seen)
    readings += winston_lutz_readings.per_set(by_key, seen, unseen, geometry)
    return Analysis(tuple(readings), winston_lutz_evidence.show(seen, geometry))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """Nine images of a random machine, ball and panel, with their truth from ``phantoms``."""
    from qa import winston_lutz_rehearsal

    return winston_lutz_rehearsal.draw(rng)


def demonstrate(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """The images of a monthly check of an ordinary machine."""
    from qa import winston_lutz_demonstration

    return winston_lutz_demonstration.write(folder, say)


def second_engine(acquisition: Acquisition, files: Mapping[str, Path], say: Callable[[str], None]) -> Theirs:
    """The same images through pylinac."""
    from qa import winston_lutz_engine

    return winston_lutz_engine.measure(acquisition, files, say)


PROCEDURE = Procedure(
    name="winston_lutz",
    title="Winston-Lutz: treatment isocentre",
    subject="isocentre",
    version="1",
    quantities=PER_IMAGE + PER_SET,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstrate=demonstrate,
    second_engine=second_engine,
)
