"""A DICOM Spatial Registration object: which frame of reference lies how in which other, as a treatment system matched them.

DICOM PS3.3 A.39.1 and C.20.2: the file has a frame of reference of its own, the registered one; every item names another and the 4x4
matrix that takes its points there, in mm and patient axes. Anything but a rotation with a shift is told in ``Registration.wrong``.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Matrix, Placed, Registration
from qa.header import items, text
from qa.reading import DicomError

RIGID_CLASS = "1.2.840.10008.5.1.4.1.1.66.1"
DEFORMABLE_CLASS = "1.2.840.10008.5.1.4.1.1.66.3"
CLASSES = (RIGID_CLASS, DEFORMABLE_CLASS)
MODALITY = "REG"
RIGID = "RIGID"
SQUARE = 1e-4  # of R'R from 1: matrices are written with six decimals and more; a volume scaled by 0.01 % is 5 um off at 50 mm
LAST_ROW = 1e-6
DIGITS, EVEN = (3, 6), 1e-9  # decimals of a matrix, at least and at most; how near to its multiples

Array = NDArray[np.float64]


def is_one(sop_class: str, modality: str) -> bool:
    """Whether a file of that class and modality is a registration of any kind."""
    return sop_class in CLASSES or (modality == MODALITY and not sop_class)


def read(name: str, data: bytes, dataset: Any) -> Registration:
    """The registration in a file; what is wrong with it is in ``wrong``. DicomError where not even its own name can be read."""
    uid, digest = text(dataset, "SOPInstanceUID"), hashlib.sha256(data).hexdigest()
    if not uid:
        raise DicomError("a spatial registration without SOPInstanceUID, so the record could not name it; export it again")
    frame, about = _frames(dataset)
    try:
        return Registration(name, uid, digest, frame, about, _placed(dataset, frame))
    except DicomError as error:
        return Registration(name, uid, digest, frame, about, (), f"a spatial registration that cannot be used: {error}")


def _frames(dataset: Any) -> tuple[str, frozenset[str]]:
    """The registered frame of reference, and all that are named."""
    try:
        frame = text(dataset, "FrameOfReferenceUID")
        named = {text(item, "FrameOfReferenceUID") for item in _items(dataset)}
    except DicomError:
        return "", frozenset()
    return frame, frozenset(uid for uid in {frame, *named} if uid)


def _items(dataset: Any) -> list[Any]:
    return [item for keyword in ("RegistrationSequence", "DeformableRegistrationSequence") for item in items(dataset, keyword)]


def _placed(dataset: Any, frame: str) -> tuple[Placed, ...]:
    """Every item. DicomError says what in the file is no rigid registration."""
    if text(dataset, "SOPClassUID") == DEFORMABLE_CLASS or items(dataset, "DeformableRegistrationSequence"):
        raise DicomError("it is deformable, and a couch is rigid: have the system match rigidly, and export that")
    if not frame:
        raise DicomError("it does not say into which frame of reference it leads (FrameOfReferenceUID); export it again")
    found = items(dataset, "RegistrationSequence")
    if not found:
        raise DicomError("there is no registration in it (RegistrationSequence); export it again after the match was accepted")
    return tuple(_item(item) for item in found)


def _item(item: Any) -> Placed:
    frame = text(item, "FrameOfReferenceUID")
    if not frame:
        raise DicomError("an item does not say which frame of reference it is about (FrameOfReferenceUID); export it again")
    images = frozenset(uid for one in items(item, "ReferencedImageSequence") if (uid := text(one, "ReferencedSOPInstanceUID")))
    steps = [step for one in items(item, "MatrixRegistrationSequence") for step in items(one, "MatrixSequence")]
    if not steps:
        raise DicomError("an item has no matrix (MatrixRegistrationSequence); export it again after the match was accepted")
    whole, written = np.eye(4), [_matrix(step) for step in steps]
    for matrix in written:  # in the order of the file, each applied to what the one before gave
        whole = matrix @ whole
    return Placed(frame, images, _plain(whole), max(step_of(matrix) for matrix in written))


def step_of(matrix: Array) -> float:
    """The step that its numbers are written in: the coarsest power of ten that all are multiples of, 1e-6 at the finest."""
    low, high = DIGITS
    digits = next((d for d in range(low, high) if np.abs(matrix - matrix.round(d)).max() < EVEN), high)
    return float(10.0**-digits)


def _matrix(step: Any) -> Array:
    """One matrix (4, 4). DicomError says why it is not rigid."""
    kind, written = text(step, "FrameOfReferenceTransformationMatrixType"), text(step, "FrameOfReferenceTransformationMatrix")
    if kind not in ("", RIGID):
        raise DicomError(f"its matrix is {kind}, only {RIGID} is a couch's motion: have the system match rigidly, and export that")
    try:
        numbers = np.array([float(part) for part in written.split("\\")])
    except ValueError as error:
        raise DicomError("its matrix is not made of numbers; export it again") from error
    if numbers.size != 16 or not np.isfinite(numbers).all():
        raise DicomError(f"its matrix has {numbers.size} numbers where 16 finite ones are needed; export it again")
    matrix = numbers.reshape(4, 4)
    if np.abs(matrix[3] - (0.0, 0.0, 0.0, 1.0)).max() > LAST_ROW:
        raise DicomError("the last row of its matrix is not 0 0 0 1: written by columns, or no motion; ask the maker of the system")
    if np.abs(matrix[:3, :3].T @ matrix[:3, :3] - np.eye(3)).max() > SQUARE:
        size = float(np.cbrt(abs(np.linalg.det(matrix[:3, :3]))))
        raise DicomError(
            f"its matrix scales or shears (lengths times {size:.5f} on average), no couch does: have the system match rigidly, "
            "and export that"
        )
    if np.linalg.det(matrix[:3, :3]) < 0:
        raise DicomError("its matrix is a mirror image, no couch makes one: look at the patient position in both scans")
    return matrix


def _plain(matrix: Array) -> Matrix:
    return tuple((a, b, c, d) for a, b, c, d in matrix.tolist())
