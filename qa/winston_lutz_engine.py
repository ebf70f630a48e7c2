"""pylinac measures one Winston-Lutz acquisition, and every number gets the name of what it really is.

What pylinac 3.49 does and this module guards against: it calls the size of an axis that was not measured 0.0, groups images by exact
reference angles, leaves the ball's set-up error in the couch's size, calls ball-to-panel field-to-panel, gives up a whole set over one
image, reads the panel's orientation nowhere, and takes one pixel pitch for both axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa import angles, frames, shots
from qa.acquisition import Acquisition, Image
from qa.engines import Number, Say, Theirs
from qa.pylinac_engine import BALL_U_MM, FIELD_PART, gave_up, silence
from qa.reading import QaError

Array = NDArray[np.float64]


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
class Seen:
    """What pylinac finds in one image: (u, v) in mm on the isocentre plane, with standard uncertainties (2,)."""

    image: Image
    ball_field: Array  # ball minus field centre
    ball_panel: Array  # ball from the panel's centre pixel
    field_origin: Array  # field centre from the imager's own origin

    @property
    def ball_field_u(self) -> Array:
        """Ball and field together."""
        return np.asarray(np.hypot(BALL_U_MM, self.field_u))

    @property
    def field_u(self) -> Array:
        """A mask of whole pixels."""
        row, column = frames.pixel_mm(self.image)
        return FIELD_PART * np.array([column, row])

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Under the keys of our quantities of single images."""
        turned = (self.image.column_u, self.image.row_v) != (1, -1) and self.image.receptor_mm
        mirrored = "" if not turned else "it takes the receptor's place as if the panel's rows and columns ran the usual way"
        whats = (
            ("ball_offset", self.ball_field, self.ball_field_u, "ball minus field centre"),
            ("ball_panel", self.ball_panel, np.full(2, BALL_U_MM), "ball from the middle of its image"),
            ("panel_offset", self.field_origin, self.field_u, "field centre from the imager's origin (its cax2epid with the sign turned)"),
        )
        numbers = [Number(f"{key}_{axis}", float(v[k]), really, float(u[k])) for key, v, u, really in whats for k, axis in enumerate("uv")]
        return tuple(Number(n.key, None, mirrored) if mirrored and n.key.startswith("panel_offset") else n for n in numbers)


def measure(acquisition: Acquisition, files: Mapping[str, Path], say: Say) -> Theirs:
    """The images one by one, then the set of those that pylinac can measure; ``files`` maps SOP Instance UIDs to paths.

    QaError when no image shows a ball: pylinac must be told its diameter within 2 mm.
    """
    told = _told(acquisition)
    say("loading pylinac")
    with silence():
        found: list[Seen | str] = []
        for number, image in enumerate(acquisition.images, 1):
            found.append(one_image(image, files[image.sop_instance_uid], told))
            say(f"pylinac: {number} of {len(acquisition.images)} images")
        say("pylinac: the whole set")
        seen = [item for item in found if isinstance(item, Seen)]
        numbers = tuple(item if isinstance(item, str) else item.numbers for item in found)
        return Theirs(told.words, numbers, _whole(seen, files, told), "pylinac", version("pylinac"))


def _whole(seen: Sequence[Seen], files: Mapping[str, Path], told: Told) -> tuple[Number, ...] | str:
    from qa import winston_lutz_set_engine  # it needs the types of this module

    return winston_lutz_set_engine.measure(seen, files, told)


def _told(acquisition: Acquisition) -> Told:
    """The ball's diameter by our measurement, and the reference angles of this acquisition, which need not be 0."""
    images = acquisition.images
    gantry, collimator = angles.turned(images, "gantry"), angles.turned(images, "collimator")
    for image in images:
        shot = shots.measure(image, 1)
        if isinstance(shot, shots.Shot):
            return Told(2 * shot.radius_mm, collimator.others_deg[0], *gantry.others_deg)
    raise QaError(f"{acquisition.title}: pylinac must be told the ball's diameter, and no image shows a ball that can be measured")


def one_image(image: Image, file: Path, told: Told) -> Seen | str:
    """Ball and field of one image, or why pylinac has none."""
    from pylinac.winston_lutz import WinstonLutz2D

    row, column = frames.pixel_mm(image)
    if abs(row - column) > 1e-3 * column:
        return "the pixels are not square, which pylinac does not look at: its distances would be wrong"
    try:
        seen = WinstonLutz2D(file, gantry=image.gantry_deg, coll=image.collimator_deg, couch=image.couch_deg)
        seen.analyze(**told.arguments)
        along = np.array([image.column_u, image.row_v])

        def plane(point: Any, origin: Any) -> Array:
            return np.asarray(along * np.array([point.x - origin.x, point.y - origin.y]) / float(seen.dpmm))

        return Seen(image, plane(seen.bb, seen.field_cax), plane(seen.bb, seen.center), plane(seen.field_cax, seen.epid))
    except Exception as error:  # pylinac raises whatever its libraries do
        return gave_up(error)
