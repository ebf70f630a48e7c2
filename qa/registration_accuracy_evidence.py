"""What a registration record shows: found, proposed and known side by side per axis, how good our own match is, and the scans."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa import ball_scans
from qa.ball_moves import AXES, Scanned
from qa.evidence import Evidence, Table
from qa.reading import Measured, Reading
from qa.registration_accuracy_proposed import READOUT, Stated
from qa.registration_accuracy_readings import POINTS_MM, Compared
from qa.registration_accuracy_values import BY_COUCH
from qa.registration_image import Matched

TITLE = "The match, axis by axis"
COLUMNS = {
    "found": "found by the balls",
    "image": "found by the voxels",
    "proposed": "proposed",
    "known": "known",
    "error": "proposed - found",
}


def show(scans: Sequence[Scanned], one: Compared | None, readings: Sequence[Reading]) -> tuple[Evidence, ...]:
    """The numbers per axis, the target registration error of our own match, then the scans."""
    tables = [] if one is None else [axes(TITLE, "of the phantom, at the isocentre,", one.proposed, one.known, readings), _own(one)]
    return (*tables, *ball_scans.show(scans))


def axes(title: str, what: str, proposed: Stated | str, known: Stated | str, readings: Sequence[Reading]) -> Table:
    """Found, proposed, known and the error, a row per axis; ``what`` moved says a reader."""
    by_key = {reading.quantity.key: reading for reading in readings}
    rows = []
    for k, axis in enumerate(AXES):
        cells = [_cell(by_key[f"registration_{key}_{axis}"]) for key in COLUMNS]
        rows.append((f"{axis} / {'mm' if k < 3 else 'deg'}", *cells))
    said = [f"Proposed: {_whose(proposed)}", f"Known: {known.source if isinstance(known, Stated) else known}"]
    note = f"Motion {what} from the first to the second; ± U = 2u. " + ". ".join(said)
    return Table(title, ("axis", *COLUMNS.values()), tuple(rows), note)


def _whose(proposed: Stated | str) -> str:
    if isinstance(proposed, str):
        return proposed
    return BY_COUCH if proposed.source == READOUT else proposed.source


def _cell(reading: Reading) -> str:
    return f"{reading.value:+.3f} ± {2 * reading.u:.3f}" if isinstance(reading, Measured) else "not known"


def _own(one: Compared) -> Table:
    """The target registration error of our own match (root of the mean square), at the isocentre and 50 mm from it along every axis."""
    ways = {"balls": one.move.motion.at}
    if isinstance(one.image, Matched):
        from qa.rigid import Pose

        ways["voxels"] = Pose(one.image.rotation, one.image.shift_mm, {"noise": one.image.covariance}, {}, np.zeros((0, 3))).at
    rows = []
    for name, at in ways.items():
        errors = [float(np.sqrt(np.trace(at(point)))) for point in POINTS_MM]
        rows.append((name, f"{errors[0]:.4f}", f"{max(errors[1:]):.4f}"))
    words = one.image.known if isinstance(one.image, Matched) else one.image
    return Table("What our own match is worth", ("way", "TRE at the isocentre / mm", "largest TRE at 50 mm / mm"), tuple(rows), words)
