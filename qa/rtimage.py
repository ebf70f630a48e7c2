"""Where an RT Image was taken, from its header alone. What it does not say is refused, never filled in.

Tags: DICOM PS3.3 C.8.8.2 (RT Image Module).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qa import exposure, labels, scales
from qa.frames import angle_difference
from qa.header import AGREE_DEG, ANGLES, Header, text, whole
from qa.polarity import Jaws

WORDS = (*labels.WORDS, "StudyDescription", "ImageComments")
COUCH = ("TableTopLateralPosition", "TableTopLongitudinalPosition", "TableTopVerticalPosition")
KEPT = ("RTImagePosition", "TableTopPitchAngle", "TableTopRollAngle", "PhotometricInterpretation", "Manufacturer", "ManufacturerModelName")
FRAME, LYING = "FrameOfReferenceUID", "PatientPosition"  # kept as text, for who asks for them
DETECTOR = "DetectorID"  # the panel's own serial number, where a file names it
DISTANCE_MM = (300.0, 5000.0)  # from the shortest source-axis distance in use, with room, to ceiling-mounted panels
SPACING_MM = (0.01, 5.0)
CONTRADICTS_DEG = 1.0  # people write whole degrees
AXIS = 1e-3  # direction cosines this near 0 or 1 are parallel to the axes; 0.06 degrees

Written = dict[str, dict[str, float]]  # place -> what -> value


@dataclass(frozen=True)
class Facts:
    """An image's header in checked Python values; ``day`` is the calendar date on the machine's clock, "" when unknown."""

    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    sid_mm: float
    sad_mm: float
    angles: dict[str, float]
    column_u: int
    row_v: int
    receptor_mm: tuple[float, float] | None
    couch_mm: tuple[float, float, float] | None
    radiation: str
    energy: str
    machine: str
    acquired: datetime | None
    day: str
    slope: float
    intercept: float
    sign: int
    jaws: Jaws | None
    tags: dict[str, str]
    notes: tuple[str, ...]


def facts(name: str, dataset: Any, scale_of: Callable[[str], str] | None = None) -> Facts:
    """The header of one RT Image. DicomError names everything that is missing, wrong or not handled, and how to supply it.

    ``name`` is the file's name as the user knows it: the last place where angles and distances are looked for. ``scale_of`` says in
    which of ``qa.scales`` words state angles, by the machine's name; without it in IEC 61217, as the tags do.
    """
    header = Header(name, dataset)
    scale = scale_of(exposure.machine(Header(name, dataset))) if scale_of else scales.IEC
    written = _written(header, scale)
    angles = {key: _angle(header, key, keyword, written, scale) for key, keyword in ANGLES.items()}
    spacing = _spacing(header)
    sid = _distance(header, "RTImageSID", "sid", "source-image distance", written)
    sad = _distance(header, "RadiationMachineSAD", "sad", "source-axis distance", written)
    column_u, row_v = _orientation(header)
    radiation, energy = exposure.radiation(header, WORDS)
    acquired, day = exposure.acquired(header)
    slope, intercept, sign = exposure.scale(header)
    receptor, couch = _receptor(header), _couch(header)
    for keyword in (*KEPT, *labels.WORDS, FRAME, LYING, DETECTOR):
        header.text(keyword)
    if (origin := header.text("ReportedValuesOrigin")) not in ("", "ACTUAL"):
        header.notes.append(f"angles and positions are no readouts (ReportedValuesOrigin {origin})")
    machine, jaws = exposure.machine(header), exposure.jaws(header)
    header.refuse_if_incomplete()
    return Facts(
        shape=(whole(dataset, "Rows", 0), whole(dataset, "Columns", 0)),
        spacing_mm=spacing,
        sid_mm=sid,
        sad_mm=sad,
        angles=angles,
        column_u=column_u,
        row_v=row_v,
        receptor_mm=receptor,
        couch_mm=couch,
        radiation=radiation,
        energy=energy,
        machine=machine,
        acquired=acquired,
        day=day,
        slope=slope,
        intercept=intercept,
        sign=sign,
        jaws=jaws,
        tags=header.tags,
        notes=tuple(header.notes),
    )


def _written(header: Header, scale: str) -> Written:
    """What is written in words, by place, angles of that scale in IEC 61217: {"RTImageLabel": {"gantry": 90.0}, "the file name": {...}}."""
    places = {keyword: text(header.dataset, keyword) for keyword in WORDS} | {"the file name": header.file}
    found = {place: said for place, words in places.items() if (said := labels.numbers(words))}
    return {place: {key: scales.iec(scale, key, number) for key, number in said.items()} for place, said in found.items()}


def _angle(header: Header, key: str, keyword: str, written: Written, scale: str) -> float:
    """The angle from its tag, else from words that agree; degrees as read out."""
    before = len(header.wrong)
    value = header.number(keyword)
    said = {place: numbers[key] for place, numbers in written.items() if key in numbers}
    if value is None and len(header.wrong) == before:
        value = _agreed(header, f"{key} angle", keyword, said)
        if value is not None and key in scales.MIRRORED[scale]:
            header.notes.append(f"the {key} angle in words was converted from the machine's scale {scale} (site file) to IEC 61217")
    elif value is not None:
        for place, other in said.items():
            if abs(angle_difference(value, other)) > CONTRADICTS_DEG:
                shown = scales.iec(scale, key, other)  # as it is written there
                of = f" in the machine's scale {scale} (site file)" if key in scales.MIRRORED[scale] else ""
                header.notes.append(f"{key} angle {value:g} from {keyword}, although {place} says {shown:g}{of}")
    if value is not None and abs(value) > 360.0:
        header.wrong.append(f"a {key} angle of {value:g} degrees is not possible")
    return math.nan if value is None else value


def _agreed(header: Header, what: str, keyword: str, said: dict[str, float]) -> float | None:
    """A value that only words state, when all words agree; noted. Else it is missing or, told in ``wrong``, in doubt."""
    if not said:
        header.missing.append(f"{what} ({keyword})")
        return None
    place, value = next(iter(said.items()))
    if any(abs(value - other) > AGREE_DEG for other in said.values()):
        header.wrong.append(
            f"no {keyword}, and the {what} is {' but '.join(f'{v:g} in {p}' for p, v in said.items())}: correct one of them"
        )
        return None
    header.notes.append(f"{what} {value:g} taken from {place}: the file has no {keyword}")
    header.tags[f"{keyword} ({place})"] = f"{value:g}"
    return value


def _distance(header: Header, keyword: str, key: str, what: str, written: Written) -> float:
    before = len(header.wrong)
    value = header.number(keyword)
    if value is None and len(header.wrong) == before:
        value = _agreed(header, what, keyword, {place: numbers[key] for place, numbers in written.items() if key in numbers})
    if value is not None and not DISTANCE_MM[0] <= value <= DISTANCE_MM[1]:
        header.wrong.append(f"a {what} of {value:g} mm is not possible ({keyword} is in millimetres)")
    return math.nan if value is None else value


def _spacing(header: Header) -> tuple[float, float]:
    before = len(header.wrong)
    values = header.numbers("ImagePlanePixelSpacing", 2)
    if values is None:
        if len(header.wrong) == before:
            header.missing.append("pixel spacing (ImagePlanePixelSpacing, which no file name can replace)")
        return math.nan, math.nan
    if any(not SPACING_MM[0] <= value <= SPACING_MM[1] for value in values):
        header.wrong.append(f"a pixel spacing of {values[0]:g} x {values[1]:g} mm is not possible")
    return values[0], values[1]


def _orientation(header: Header) -> tuple[int, int]:
    """(column_u, row_v) of an image whose rows and columns lie along the panel's axes, flipped or not."""
    if (plane := header.text("RTImagePlane") or "NORMAL") != "NORMAL":
        header.wrong.append(f"the panel was not perpendicular to the beam (RTImagePlane {plane}): take it with the panel perpendicular")
    if abs(angle_difference(turned := header.number("XRayImageReceptorAngle") or 0.0, 0.0)) > AGREE_DEG:
        header.wrong.append(f"the panel was turned by {turned:g} degrees (XRayImageReceptorAngle): take it with the panel at 0")
    before = len(header.wrong)
    values = header.numbers("RTImageOrientation", 6)
    if values is None:
        if len(header.wrong) == before:
            header.notes.append("the file has no RTImageOrientation: rows and columns taken as the standard [1, 0, 0, 0, -1, 0]")
        return 1, -1
    along_u, along_v = round(values[0]), round(values[4])
    straight = (float(along_u), 0.0, 0.0, 0.0, float(along_v), 0.0)
    if abs(along_u) != 1 or abs(along_v) != 1 or any(abs(a - b) > AXIS for a, b in zip(values, straight, strict=True)):
        header.wrong.append(f"RTImageOrientation {header.tags['RTImageOrientation']} is turned or oblique: export it unturned")
    return along_u, along_v


def _receptor(header: Header) -> tuple[float, float] | None:
    values = header.numbers("XRayImageReceptorTranslation", 3)
    return (values[0], values[1]) if values else None


def _couch(header: Header) -> tuple[float, float, float] | None:
    values = [header.number(keyword) for keyword in COUCH]
    lateral, longitudinal, vertical = values
    if lateral is None or longitudinal is None or vertical is None:
        if any(value is not None for value in values):
            header.notes.append("couch readout not used: one of its three axes is missing")
        return None
    return lateral, longitudinal, vertical
