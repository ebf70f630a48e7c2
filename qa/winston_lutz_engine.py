"""pylinac measures one Winston-Lutz acquisition, and every number gets the name of what it really is.

What pylinac 3.49 does and this module guards against: it calls the size of an axis that was not measured 0.0, groups images by exact
reference angles, leaves the ball's set-up error in the couch's size, calls ball-to-panel field-to-panel, gives up a whole set over one
image, and reads the panel's orientation nowhere.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qa import angles, shots
from qa.acquisition import Acquisition, Image
from qa.engines import Number, Say, Theirs
from qa.reading import QaError

CENTRE_U_MM = 0.05  # scatter of a centre of mass over whole pixels, its field centre; pylinac states no uncertainty of its own


@dataclass(frozen=True)
class Told:
    """What pylinac has to be told: the ball, and the angles at which an axis counts as not turned."""

    ball_mm: float
    gantry_deg: float
    collimator_deg: float
    couch_deg: float

    @property
    def words(self) -> str:
        """For the heading of a comparison."""
        references = f"gantry {self.gantry_deg:g}, collimator {self.collimator_deg:g}, couch {self.couch_deg:g}"
        return f"pylinac {version('pylinac')} was told: IEC 61217 angles, a ball of {self.ball_mm:.1f} mm, reference {references}"

    @property
    def arguments(self) -> dict[str, Any]:
        """The same as arguments of pylinac's ``analyze``."""
        from pylinac.core.scale import MachineScale

        return {
            "bb_size_mm": self.ball_mm,
            "machine_scale": MachineScale.IEC61217,
            "snap_tolerance": angles.SAME_DEG,
            "gantry_reference": self.gantry_deg,
            "collimator_reference": self.collimator_deg,
            "couch_reference": self.couch_deg,
        }


def measure(acquisition: Acquisition, files: Mapping[str, Path], say: Say) -> Theirs:
    """The images one by one, then the set of those that pylinac can measure; ``files`` maps SOP Instance UIDs to paths.

    QaError when no image shows a ball: pylinac must be told its diameter within 2 mm.
    """
    told = _told(acquisition)
    say("loading pylinac")
    with _silence():
        found: list[tuple[Number, ...] | str] = []
        for number, image in enumerate(acquisition.images, 1):
            found.append(ball_offset(image, files[image.sop_instance_uid], told))
            say(f"pylinac: {number} of {len(acquisition.images)} images")
        say("pylinac: the whole set")
        seen = [image for image, numbers in zip(acquisition.images, found, strict=True) if not isinstance(numbers, str)]
        return Theirs(f"ball minus field centre, mm; {told.words}", tuple(found), whole_set(seen, files, told))


def _told(acquisition: Acquisition) -> Told:
    """The ball's diameter by our measurement, and the reference angles of this acquisition, which need not be 0."""
    images = acquisition.images
    gantry, collimator = angles.turned(images, "gantry"), angles.turned(images, "collimator")
    for image in images:
        shot = shots.measure(image, 1)
        if isinstance(shot, shots.Shot):
            return Told(2 * shot.radius_mm, collimator.others_deg[0], *gantry.others_deg)
    raise QaError(f"{acquisition.title}: pylinac must be told the ball's diameter, and no image shows a ball that can be measured")


def ball_offset(image: Image, file: Path, told: Told) -> tuple[Number, ...] | str:
    """Ball minus field centre along u and v, on the isocentre plane, or why pylinac has none."""
    from pylinac.winston_lutz import WinstonLutz2D

    try:
        seen = WinstonLutz2D(file, gantry=image.gantry_deg, coll=image.collimator_deg, couch=image.couch_deg)
        seen.analyze(**told.arguments)
        along_columns, along_rows = float(seen.cax2bb_vector.x), float(seen.cax2bb_vector.y)
    except Exception as error:  # pylinac raises whatever its libraries do
        return _words(error)
    u, v = image.column_u * along_columns, image.row_v * along_rows
    return Number("ball_offset_u", u, u=CENTRE_U_MM), Number("ball_offset_v", v, u=CENTRE_U_MM)


def whole_set(images: Sequence[Image], files: Mapping[str, Path], told: Told) -> tuple[Number, ...] | str:
    """pylinac's numbers of images that it can measure one by one, or why there are none.

    Its own frame is IEC F: x right facing the gantry, y towards it, z up; its shift is the move of the ball, like ours.
    """
    from pylinac import WinstonLutz

    if any((image.column_u, image.row_v) != (1, -1) for image in images):
        return "the panel's rows or columns run the other way, which pylinac does not look at: its vectors would be mirrored"
    stood = {str(files[i.sop_instance_uid]): (i.gantry_deg, i.collimator_deg, i.couch_deg) for i in images}
    try:
        seen = WinstonLutz("", axis_mapping=stood)
        seen.analyze(**told.arguments)
        found = seen.results_data()
    except Exception as error:
        return _words(error)
    couch_turned = "least squares, images with the couch turned included"
    gantry, collimator, couch = found.num_gantry_images, found.num_coll_images, found.num_couch_images
    return (
        Number("max_ball_offset", found.max_2d_cax_to_bb_mm, "largest distance, noise included"),
        Number("median_ball_offset", found.median_2d_cax_to_bb_mm, "median distance, noise included"),
        *(Number(f"ball_shift_ls_{axis}", float(getattr(found.bb_shift_vector, axis)), couch_turned) for axis in "xyz"),
        _size("isocenter_size_gantry", found.gantry_3d_iso_diameter_mm, gantry, "sphere about parallel rays, noise included"),
        _size("isocenter_size_collimator", found.coll_2d_iso_diameter_mm, collimator, "largest distance of two points, no circle"),
        _size("", found.couch_2d_iso_diameter_mm, couch, "couch_2d_iso_diameter: holds the ball's set-up error, no isocentre size"),
        Number("", found.max_2d_cax_to_epid_mm, "max_2d_cax_to_epid: in truth from the ball to the imager's origin"),
    )


def _size(key: str, value: float, images: int, really: str) -> Number:
    """A size of an axis; from a single image there is none, though pylinac prints 0."""
    return Number(key, value, really) if images > 1 else Number(key, None, f"{really}; pylinac prints {value:g} for {images} image(s)")


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"pylinac gave up: {text.split('. ')[0] or type(error).__name__}"


@contextmanager
def _silence() -> Iterator[None]:
    """pylinac's warnings are about its own libraries and never reach a user; drawing libraries do not look for a screen."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
