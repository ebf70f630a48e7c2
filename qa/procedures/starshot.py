"""Starshot: the smallest circle that all axes of a star of narrow beams touch, on film or on the MV panel.

Physics, formulas and uncertainty budget: docs/physics/starshot.md. A cross-check of the isocentre sizes of a Winston-Lutz test, without
a ball.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from qa.acquisition import Acquisition
from qa.evidence import Evidence
from qa.procedure import Analysis, Procedure, Rehearsal
from qa.reading import AnalysisError, DicomError, NotMeasured, Quantity, Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np

    from qa.engines import Theirs

_PAGE = "docs/physics/starshot.md"


def _quantity(key: str, meaning: str, section: int, unit: str = "mm") -> Quantity:
    return Quantity(key, unit, meaning, f"{_PAGE}, section {section}")


QUANTITIES = (
    _quantity("star_circle_diameter", "diameter of the smallest circle that the axes of all spokes touch", 4),
    _quantity("star_centre_u", "centre of that circle from the imager's own origin along u, on the isocentre plane", 5),
    _quantity("star_centre_v", "centre of that circle from the imager's own origin along v, on the isocentre plane", 5),
    _quantity("star_ls_u", "as star_centre_u, of the point with the least sum of squared distances to the axes", 5),
    _quantity("star_ls_v", "as star_centre_v, of the point with the least sum of squared distances to the axes", 5),
    _quantity("star_angle", "direction of one spoke's axis, from +u towards +v, in [-5, 175)", 6, "deg"),
    _quantity("star_angle_deviation", "one spoke's angle minus its collimator readout, from the mean of all spokes", 6, "deg"),
    _quantity("star_residual", "signed distance of one spoke's axis from the least-squares point", 6),
    _quantity("star_width", "width of one spoke at half height above what is beside it, on the isocentre plane", 6),
)
_BY_KEY = {quantity.key: quantity for quantity in QUANTITIES}


def accepts(acquisition: Acquisition) -> str:
    """A scan of film or MV images that show a star, or narrow beams of which a star can be made; they are looked at coarsely."""
    if acquisition.day:
        return "a starshot is measured from one set of images, not from everything of a day"
    if acquisition.radiation not in ("MV", "film"):
        return f"a starshot needs MV images or a scan of film; these are {acquisition.radiation} images"
    from qa import starshot_images

    return starshot_images.missing(acquisition.images)


def analyse(acquisition: Acquisition) -> Analysis:
    """The star of every picture that shows one whole, and the star of those that show a spoke each."""
    from qa import starshot_evidence, starshot_images, starshot_readings, starshot_star

    if not acquisition.images:
        return Analysis(tuple(NotMeasured(q, "no images: expose a star of narrow beams") for q in QUANTITIES))
    whole, parts = starshot_images.sorted_out(acquisition.images)
    readings: list[Reading] = []
    evidence: list[Evidence] = []
    for image in whole:
        try:
            star = starshot_star.of_one_image(image)
        except (AnalysisError, DicomError) as error:
            readings += starshot_readings.of_nothing(_BY_KEY, f"{image.name}: {error}", image.at)
            continue
        readings += starshot_readings.of_star(_BY_KEY, star, image.at)
        evidence += starshot_evidence.show(star, f"Star, {image.name}")
    if parts:
        try:
            if why := starshot_star.turned_by(parts):
                raise AnalysisError(why)
            star, unseen = starshot_star.of_many(parts)
        except AnalysisError as error:
            readings += starshot_readings.of_nothing(_BY_KEY, str(error), {})
        else:
            missing = starshot_readings.words(unseen, len(parts))
            readings += starshot_readings.of_star(_BY_KEY, star, {}, missing)
            reasons = ((one, f"{one.image.name}: {one.reason}") for one in unseen)
            readings += [NotMeasured(_BY_KEY["star_angle"], why, one.image.at) for one, why in reasons]
            evidence += starshot_evidence.show(star, f"Star of {len(star.spokes)} images")
    return Analysis(tuple(readings), tuple(evidence))


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """Narrow beams at four to six collimator angles of a random machine, with their truth from ``phantoms``."""
    from qa import starshot_rehearsal

    return starshot_rehearsal.draw(rng)


def second_engine(acquisition: Acquisition, files: Mapping[str, Path], say: Callable[[str], None]) -> Theirs:
    """The same star through pylinac."""
    from qa import starshot_engine

    return starshot_engine.measure(acquisition, files, say)


PROCEDURE = Procedure(
    name="starshot",
    title="Starshot",
    subject="isocentre",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    second_engine=second_engine,
)
