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

from qa import angles
from qa.acquisition import Image


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


@dataclass(frozen=True)
class Number:
    """One of pylinac's numbers of the whole set, mm, under the key of our quantity that it can be held against ("" there is none).

    ``value`` is None where pylinac had too few images, whatever it prints. ``really`` says what the number is.
    """

    key: str
    value: float | None
    really: str


def told(images: Sequence[Image], ball_mm: float) -> Told:
    """The reference angles of this acquisition, which need not be 0."""
    gantry, collimator = angles.turned(images, "gantry"), angles.turned(images, "collimator")
    return Told(ball_mm, collimator.others_deg[0], *gantry.others_deg)


def ball_offset(image: Image, file: Path, told: Told) -> tuple[float, float] | str:
    """Ball minus field centre (u, v), mm on the isocentre plane, or why pylinac has none. Call within ``silence``."""
    from pylinac.winston_lutz import WinstonLutz2D

    try:
        seen = WinstonLutz2D(file, gantry=image.gantry_deg, coll=image.collimator_deg, couch=image.couch_deg)
        seen.analyze(**told.arguments)
        along_columns, along_rows = float(seen.cax2bb_vector.x), float(seen.cax2bb_vector.y)
    except Exception as error:  # pylinac raises whatever its libraries do
        return _words(error)
    return image.column_u * along_columns, image.row_v * along_rows


def whole_set(images: Sequence[Image], files: Mapping[str, Path], told: Told) -> tuple[Number, ...] | str:
    """pylinac's numbers of images that it can measure one by one, or why there are none. Call within ``silence``.

    ``files`` maps SOP Instance UIDs to paths. F of CONVENTIONS is pylinac's own frame: x right facing the gantry, y towards it, z up.
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
    shift = found.bb_shift_vector
    return (
        Number("max_ball_offset", found.max_2d_cax_to_bb_mm, "largest distance, noise included"),
        Number("median_ball_offset", found.median_2d_cax_to_bb_mm, "median distance, noise included"),
        *(
            Number(f"ball_shift_ls_{axis}", float(getattr(shift, axis)), "least squares over all images, those with the couch turned too")
            for axis in "xyz"
        ),
        _size("gantry", found.gantry_3d_iso_diameter_mm, found.num_gantry_images, "sphere about parallel rays, noise included"),
        _size("collimator", found.coll_2d_iso_diameter_mm, found.num_coll_images, "largest distance of two field centres, not a circle"),
        Number(
            "",
            found.couch_2d_iso_diameter_mm if found.num_couch_images > 1 else None,
            "couch_2d_iso_diameter: largest distance of two ball positions; it holds the ball's set-up error and is no isocentre size",
        ),
        Number("", found.max_2d_cax_to_epid_mm, "max_2d_cax_to_epid: in truth from the ball to the imager's origin"),
    )


def _size(axis: str, value: float, images: int, really: str) -> Number:
    return Number(f"isocenter_size_{axis}", value if images > 1 else None, really if images > 1 else f"pylinac prints {value:g} for it")


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"pylinac gave up: {text.split('. ')[0] or type(error).__name__}"


@contextmanager
def silence() -> Iterator[None]:
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
