"""The patient's axes of DICOM in the room: rotations from (left, posterior, head) to IEC F, by how the patient lay.

DICOM PS3.3 C.7.6.2.1.1 (x to the left hand, y to the back, z to the head) and C.7.3.1.1.2 (patient position); the couch at 0 degrees.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qa.frames import angle_difference
from qa.reading import DicomError

ROOM = {  # rows: X to the right facing the gantry, Y to the gantry, Z up, each as x, y, z of the patient
    "HFS": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "HFP": ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    "FFS": ((-1, 0, 0), (0, 0, -1), (0, -1, 0)),
    "FFP": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
STRAIGHT_DEG = 0.05  # couches read out in steps of 0.1 degrees

Matrix = NDArray[np.float64]


def to_room(patient_position: str) -> Matrix:
    """(3, 3): patient to F. DicomError for positions on the side or sitting, in which no phantom is scanned on a linac."""
    if patient_position not in ROOM:
        known = ", ".join(ROOM)
        raise DicomError(
            f"PatientPosition is {patient_position}, read are {known}: correct the position at the console or scan again head first, supine"
        )
    return np.array(ROOM[patient_position], float)


def with_couch(matrix: Matrix, couch_deg: float | None, row: Matrix, column: Matrix) -> tuple[Matrix, str]:
    """``matrix`` turned by the couch where the slices show that the patient's axes turned with it, and a note where the couch stood turned.

    A linac reconstructs along the room's axes. When a slice lies along them only after its patient axes are turned by the couch angle
    about the vertical, the file counts them in the turned patient; when it lies along them already, it does not, or cannot be told.
    ``row`` and ``column`` are the slice's directions in the patient's axes.
    """
    angle = 0.0 if couch_deg is None else angle_difference(couch_deg, 0.0)
    if abs(angle) <= STRAIGHT_DEG:
        return matrix, ""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turned = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) @ matrix  # IEC: anticlockwise seen from above
    if _along_axes(turned @ row, turned @ column) and not _along_axes(matrix @ row, matrix @ column):
        return turned, f"the couch stood at {angle:g} degrees and the patient's axes turned with it: turned back into the room"
    return matrix, f"the couch stood at {angle:g} degrees: the slices do not show it, the patient's axes are taken as those of the room"


def _along_axes(*directions: Matrix) -> bool:
    limit = math.cos(math.radians(STRAIGHT_DEG))
    return all(float(np.abs(direction).max()) >= limit for direction in directions)
