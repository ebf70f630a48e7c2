"""One file of a CT series: where its slice lies in the patient's axes and how it was taken. What it does not say is refused.

Tags: DICOM PS3.3 C.7.6.2 (Image Plane), C.8.2.1 (CT Image), C.7.3.1.1.2 (Patient Position).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa import exposure, pixels
from qa.header import Header, text
from qa.pixels import Stored
from qa.reading import DicomError
from qa.source import Source, source
from qa.unzip import Found

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
MULTI_FRAME = (f"{CT_IMAGE}.1", f"{CT_IMAGE}.2")  # enhanced CT, and single slices converted to it
CLASSES = (CT_IMAGE, *MULTI_FRAME)
MODALITIES = ("CT", "MR", "PT", "NM")
SPACING_MM = (0.01, 10.0)  # from micro-CT to the coarsest whole-body reconstruction
RIGHT_ANGLE = 1e-3  # direction cosines may be rounded to three decimals
COUCH = ("TableTopLateralPosition", "TableTopLongitudinalPosition", "TableTopVerticalPosition")
TILT = ("TableTopPitchAngle", "TableTopRollAngle")  # (300A,0140), (300A,0144): kept as text, for the test that asks for them
BELOW = "TableHeight"  # (0018,1130): distance of the table top from the centre of rotation, positive below it
KEPT = ("Manufacturer", "ManufacturerModelName", "SeriesNumber", "SeriesDescription")
PARTS = ("AcquisitionNumber", "ImageType", "ConvolutionKernel")  # what tells two stacks of one series apart

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Unusable:
    """A file of a series that gives no slice, and why; ``image`` says that it may be of the volume."""

    name: str
    series: str
    reason: str
    image: bool = True


@dataclass(frozen=True)
class CtSlice:
    """One slice, in the patient's axes, mm.

    ``position`` is that of its first pixel's centre; ``row`` and ``column`` are unit vectors at right angles, along a row (growing column
    index) and along a column (growing row index). ``spacing_mm`` is (row, column). ``tilt_deg`` is that of the gantry.
    ``parts`` are the values of ``PARTS``. ``day`` is the calendar date on the machine's clock, "" when unknown.
    """

    name: str
    sop_instance_uid: str
    sha256: str
    series: str
    frame: str
    shape: tuple[int, int]
    position: Vector
    row: Vector
    column: Vector
    spacing_mm: tuple[float, float]
    thickness_mm: float | None
    tilt_deg: float
    patient_position: str
    machine: str
    acquired: datetime | None
    day: str
    couch_mm: tuple[float, float, float] | None
    couch_deg: float | None
    energy: str
    parts: tuple[str, ...]
    source: Source
    slope: float
    intercept: float
    tags: dict[str, str]
    notes: tuple[str, ...]

    @property
    def kernel(self) -> str:
        """The reconstruction kernel, "" where the file does not say."""
        return self.parts[PARTS.index("ConvolutionKernel")]

    @property
    def normal(self) -> Vector:
        """Unit vector across the slice, ``row`` x ``column``."""
        return np.cross(self.row, self.column)

    def pixels(self, decoded: Stored | None = None) -> NDArray[np.float32]:
        """CT numbers (rows, columns), as ``Source.pixels``. DicomError when the file is gone, was changed or cannot be decoded."""
        try:
            return self.source.pixels(self.slope, self.intercept, decoded=decoded)
        except DicomError as error:
            raise DicomError(str(error) if self.name in str(error) else f"{self.name}: {error}") from error


def read(file: Found, data: bytes, dataset: Any, syntax: str, little_endian: bool) -> CtSlice | Unusable:
    """The slice in a file whose header tells of a volume, or why it gives none. Pixels that need a decoder are decoded later."""
    series = text(dataset, "SeriesInstanceUID")
    if reason := _of_another_kind(dataset):
        return Unusable(file.name, series, reason, image=False)
    try:
        if text(dataset, "SOPClassUID") in MULTI_FRAME:
            raise DicomError("an enhanced (multi-frame) CT: export the series again as single slices (CT Image Storage)")
        stored = pixels.stored(dataset, syntax, little_endian, file.path) if pixels.at_hand(dataset, syntax) else None
        return _slice(Header(file.name, dataset), hashlib.sha256(data).hexdigest(), series, source(file, data, dataset, stored))
    except DicomError as error:
        return Unusable(file.name, series, f"CT slices that give no volume: {error}")


def _of_another_kind(dataset: Any) -> str:
    """What the file is when it is no slice of a CT, "" when it is one."""
    modality, sop_class = text(dataset, "Modality"), text(dataset, "SOPClassUID")
    if modality in MODALITIES and modality != "CT":
        return f"{modality} slices: only volumes of CT are measured"
    if sop_class and sop_class not in CLASSES:
        return f"a {modality} object that is no CT image (SOP class {sop_class}): export the slices as CT Image Storage"
    if "LOCALIZER" in text(dataset, "ImageType").split("\\"):
        return "a localiser (an overview picture), no slice of a CT: hand in the slices of the volume"
    return ""


def _slice(header: Header, sha256: str, series: str, where: Source) -> CtSlice:
    """DicomError names everything that is missing or wrong."""
    if not series:
        header.missing.append("the series it belongs to (SeriesInstanceUID)")
    uid = _needed(header, "SOPInstanceUID", "its own name")
    frame = _needed(header, "FrameOfReferenceUID", "frame of reference")
    position = _numbers(header, "ImagePositionPatient", 3, "position")
    row, column = _directions(header)
    spacing = _spacing(header)
    patient_position = _needed(header, "PatientPosition", "how the phantom lay, such as HFS")
    slope, intercept, _ = exposure.scale(header)
    _is_in_hu(header)
    kvp, tilt = header.number("KVP"), header.number("GantryDetectorTilt")
    acquired, day = exposure.acquired(header)
    couch, turned = _couch(header), header.number("PatientSupportAngle")
    machine, thickness = exposure.machine(header), header.number("SliceThickness")
    parts = tuple(header.text(keyword) for keyword in PARTS)
    for keyword in (*KEPT, *TILT):
        header.text(keyword)
    _refuse_if_incomplete(header)
    return CtSlice(
        name=header.name,
        sop_instance_uid=uid,
        sha256=sha256,
        series=series,
        frame=frame,
        shape=(int(text(header.dataset, "Rows")), int(text(header.dataset, "Columns"))),
        position=position,
        row=row,
        column=column,
        spacing_mm=spacing,
        thickness_mm=thickness,
        tilt_deg=tilt or 0.0,
        patient_position=patient_position.upper(),
        machine=machine,
        acquired=acquired,
        day=day,
        couch_mm=couch,
        couch_deg=turned,
        energy=f"{kvp:g} kV" if kvp else "",
        parts=parts,
        source=where,
        slope=slope,
        intercept=intercept,
        tags=header.tags,
        notes=tuple(header.notes),
    )


def _refuse_if_incomplete(header: Header) -> None:
    reasons = list(header.wrong)
    if header.missing:
        reasons.append(f"missing: {', '.join(header.missing)}; export the series again with its geometry")
    if reasons:
        raise DicomError("; ".join(reasons))


def _needed(header: Header, keyword: str, what: str) -> str:
    stated = header.text(keyword)
    if not stated:
        header.missing.append(f"{what} ({keyword})")
    return stated


def _numbers(header: Header, keyword: str, count: int, what: str) -> Vector:
    before = len(header.wrong)
    values = header.numbers(keyword, count)
    if values is None and len(header.wrong) == before:
        header.missing.append(f"{what} ({keyword})")
    return np.full(count, math.nan) if values is None else np.array(values)


def _directions(header: Header) -> tuple[Vector, Vector]:
    """Unit vectors at right angles along growing column and growing row index."""
    both = _numbers(header, "ImageOrientationPatient", 6, "orientation")
    row, column = both[:3], both[3:]
    if np.isnan(both).any():
        return row, column
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > RIGHT_ANGLE or abs(row @ column) > RIGHT_ANGLE:
        header.wrong.append(f"ImageOrientationPatient {header.tags['ImageOrientationPatient']} are no two directions at right angles")
        return row, column
    row = row / lengths[0]
    column = column - (column @ row) * row
    return row, column / np.linalg.norm(column)


def _spacing(header: Header) -> tuple[float, float]:
    row, column = (float(value) for value in _numbers(header, "PixelSpacing", 2, "pixel spacing"))
    if any(value < SPACING_MM[0] or value > SPACING_MM[1] for value in (row, column)):
        header.wrong.append(f"a pixel spacing of {row:g} x {column:g} mm is not possible")
    return row, column


def _is_in_hu(header: Header) -> None:
    if (kind := header.text("RescaleType")) not in ("", "HU", "US"):
        header.notes.append(f"its values are not in HU (RescaleType {kind})")
    if not text(header.dataset, "RescaleIntercept"):
        header.notes.append("the file has no RescaleIntercept: values are taken as stored, which need not be HU")


def _couch(header: Header) -> tuple[float, float, float] | None:
    """(lateral, longitudinal, vertical upwards) as read out; the vertical from TableHeight where the file has no other."""
    lateral, longitudinal, vertical = (header.number(keyword) for keyword in COUCH)
    below = header.number(BELOW) if vertical is None else None
    if below is not None and lateral is not None and longitudinal is not None:
        header.notes.append(f"couch readout: {COUCH[0]}, {COUCH[1]}, and the vertical from {BELOW}, which counts downwards")
        vertical = 0.0 - below
    if lateral is None or longitudinal is None or vertical is None:
        if any(value is not None for value in (lateral, longitudinal, vertical, below)):
            header.notes.append("couch readout not used: one of its three axes is missing")
        return None
    return lateral, longitudinal, vertical
