"""Where the voxels of a reconstruction are: in frame F, in the patient's coordinates of DICOM, and by index.

F is that of the imaging system: IEC axes, mm, origin at the CBCT isocentre, which is also the origin of the DICOM coordinates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Point = tuple[float, float, float]

# A patient on the couch. Head first and supine, head towards the gantry (+Y) and face up (+Z), has the left hand at +X. DICOM counts x to
# the patient's left, y to the back, z to the head: the columns below. The others are that patient, turned with all three directions.
SUPINE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
ABOUT_VERTICAL = np.diag([-1.0, -1.0, 1.0])  # half a turn about Z: the feet come first
ABOUT_LONGITUDINAL = np.diag([-1.0, 1.0, -1.0])  # half a turn about Y: face down
PATIENT: dict[str, Array] = {
    "HFS": SUPINE,
    "HFP": ABOUT_LONGITUDINAL @ SUPINE,
    "FFS": ABOUT_VERTICAL @ SUPINE,
    "FFP": ABOUT_VERTICAL @ ABOUT_LONGITUDINAL @ SUPINE,
}


def point(values: Iterable[float]) -> Point:
    """Three numbers of any kind as plain ones."""
    x, y, z = (float(value) for value in values)
    return x, y, z


@dataclass(frozen=True)
class Grid:
    """Voxels of a CT series: ``shape`` and ``spacing_mm`` are (slices, rows, columns), ``centre_mm`` is the middle of the stack in F.

    ``orientation`` is ImageOrientationPatient: the direction along growing columns, then along growing rows, in patient coordinates;
    the slices grow along their cross product, or with ``decreasing`` against it.
    """

    shape: tuple[int, int, int] = (88, 512, 512)
    spacing_mm: Point = (2.0, 0.908, 0.908)
    centre_mm: Point = (0.0, 0.0, 0.0)
    orientation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    patient_position: str = "HFS"
    decreasing: bool = False

    def __post_init__(self) -> None:
        """Fails for directions that are not unit vectors at right angles."""
        along = np.reshape(self.orientation, (2, 3))
        if not np.allclose(along @ along.T, np.eye(2), atol=1e-6):
            raise ValueError(f"ImageOrientationPatient holds two unit vectors at right angles, found {self.orientation}")

    @classmethod
    def starting_at(cls, origin_mm: Point, shape: tuple[int, int, int], spacing_mm: Point, **rest: Any) -> "Grid":
        """The grid whose first voxel (0, 0, 0) is centred at ``origin_mm`` in F."""
        grid = cls(shape, spacing_mm, (0.0, 0.0, 0.0), **rest)
        x, y, z = np.asarray(origin_mm) - np.asarray(grid.origin_mm)
        return cls(shape, spacing_mm, point((x, y, z)), **rest)

    @property
    def to_room(self) -> Array:
        """Matrix that takes a direction in patient coordinates to F."""
        return PATIENT[self.patient_position]

    @property
    def directions(self) -> Array:
        """Unit vectors in F along growing slice, row and column index, one per row."""
        columns, rows = np.reshape(self.orientation, (2, 3))
        slices = np.cross(columns, rows) * (-1 if self.decreasing else 1)
        result: Array = np.array([slices / np.linalg.norm(slices), rows, columns]) @ self.to_room.T
        return result

    @property
    def steps_mm(self) -> Array:
        """From a voxel to its next neighbour along slice, row and column, in F, one per row."""
        result: Array = self.directions * np.asarray(self.spacing_mm)[:, None]
        return result

    @property
    def origin_mm(self) -> Point:
        """Centre of voxel (0, 0, 0) in F."""
        x, y, z = np.asarray(self.centre_mm) - (np.asarray(self.shape) - 1) / 2 @ self.steps_mm
        return float(x), float(y), float(z)

    def room(self, index: Array) -> Array:
        """Positions in F of indices (..., 3) in the order slice, row, column."""
        result: Array = np.asarray(self.origin_mm) + index @ self.steps_mm
        return result

    def index(self, points: Array) -> Array:
        """Indices (slice, row, column), with fractions, of points (..., 3) in F."""
        result: Array = (points - np.asarray(self.origin_mm)) @ np.linalg.inv(self.steps_mm)
        return result

    def patient(self, points: Array) -> Array:
        """Patient coordinates of points (..., 3) in F; the two share their origin."""
        result: Array = points @ self.to_room
        return result
