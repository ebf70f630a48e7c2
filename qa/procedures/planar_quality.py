"""Planar image quality: a phantom recognised in kV and MV images, and what it says of scale, sharpness, contrast, noise and the panel.

Physics, formulas and uncertainty budget: docs/physics/planar_quality.md.
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

_PAGE = "docs/physics/planar_quality.md"


def _quantity(key: str, unit: str, meaning: str, section: int) -> Quantity:
    return Quantity(f"planar_{key}", unit, meaning, f"{_PAGE}, section {section}")


QUANTITIES = (
    _quantity("scale", "", "size of the phantom's outline on the isocentre plane over its nominal size", 3),
    _quantity("size_error", "mm", "size of the phantom's outline on the isocentre plane minus its nominal size", 3),
    _quantity("anisotropy", "%", "scale along the outline's width (round: along columns) over the one at right angles, minus 1", 3),
    _quantity("angle", "deg", "turn of the phantom from its maker's picture, counter-clockwise as seen", 3),
    _quantity("center_u", "mm", "middle of the phantom's outline from the imager's isocentre, along u", 3),
    _quantity("center_v", "mm", "middle of the phantom's outline from the imager's isocentre, along v", 3),
    *(
        _quantity(f"mtf{level}", "1/mm", f"frequency in the phantom's plane at which the MTF falls to {level} %", 4)
        for level in ("50", "30", "10")
    ),
    _quantity("bar_modulation", "", "MTF at a group of bars over that at the coarsest group", 4),
    _quantity("contrast", "%", "mean signal of a region over that of its background, minus 1", 5),
    _quantity("cnr", "", "difference of a region's and its background's mean over the pixels' noise", 5),
    _quantity("visibility", "mm", "contrast to noise times the square root of the region's area", 5),
    _quantity("detectability", "", "d' of the non-prewhitening observer for a disc", 5),
    _quantity("discs_seen", "", "how many low-contrast discs stand out of the noise", 5),
    _quantity("noise", "%", "standard deviation of a pixel about a smooth surface, over the mean signal", 6),
    _quantity("nps_integral", "%", "root of the integral of the normalised noise power spectrum", 6),
    _quantity("nps_frequency", "1/mm", "mean frequency of the noise power spectrum, on the isocentre plane", 6),
    _quantity("uniformity", "%", "100 % minus the range of nine blocks' means over twice their middle", 6),
    _quantity("tilt", "%", "slope of the signal over 100 mm on the isocentre plane, over the mean signal", 6),
    _quantity("defects", "", "defective rows and columns, and single pixels, in the open field", 7),
    _quantity("ghost", "%", "share of an earlier image that is still seen in a later one", 7),
)


def accepts(acquisition: Acquisition) -> str:
    """A set of kV or MV images of which one at least shows a planar phantom, or of which the performer says so."""
    if acquisition.day or acquisition.volumes or not acquisition.images or acquisition.radiation == "film":
        return "planar image quality needs a set of kV or MV images of a planar phantom"
    from qa import planar_quality_accept

    return planar_quality_accept.missing(acquisition)


def analyse(acquisition: Acquisition) -> Analysis:
    """Every image for itself, and what an earlier image leaves in a later one."""
    from qa import planar_quality_set

    return planar_quality_set.analyse({q.key: q for q in QUANTITIES}, acquisition)


def rehearse(rng: np.random.Generator) -> Rehearsal:
    """A random phantom in a random pose and beam, and an open field after it, with their truth from ``phantoms``."""
    from qa import planar_quality_rehearsal

    return planar_quality_rehearsal.draw(rng)


def demonstrate(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """A QC-3 in an MV beam and a TOR 18 in a kV beam."""
    from qa import planar_quality_demonstration

    return planar_quality_demonstration.write(folder, say)


def second_engine(acquisition: Acquisition, files: Mapping[str, Path], say: Callable[[str], None]) -> Theirs:
    """The same images through pylinac."""
    from qa import planar_quality_engine

    return planar_quality_engine.measure(acquisition, files, say)


PROCEDURE = Procedure(
    name="planar_quality",
    title="Planar image quality",
    subject="image quality",
    version="1",
    quantities=QUANTITIES,
    accepts=accepts,
    analyse=analyse,
    rehearse=rehearse,
    demonstrate=demonstrate,
    demonstration_protocol="example_clinic_acceptance",
    second_engine=second_engine,
)
