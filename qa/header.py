"""A DICOM header read with suspicion: every value used is remembered as text, everything missing or wrong is collected, none assumed.

Works on a parsed dataset without importing the library that parsed it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from qa.frames import angle_difference
from qa.reading import DicomError

ANGLES = {"gantry": "GantryAngle", "collimator": "BeamLimitingDeviceAngle", "couch": "PatientSupportAngle"}
AGREE_DEG = 0.1  # two places of one file that state the same angle
EXAMPLE = "image_gantry90_coll0_couch0_sid1500_sad1000.dcm"


@dataclass
class Header:
    """The values of one file on demand.

    ``tags`` maps keywords to the text of the values used, ``missing`` and ``wrong`` say what stands against using the file, ``notes``
    what its user should know.
    """

    name: str
    dataset: Any
    tags: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The file's own name, without the folders and zips it is in."""
        return self.name.rsplit("/", 1)[-1]

    def text(self, keyword: str) -> str:
        """The value as text, several joined by a backslash as in the file; "" when absent or empty."""
        stated = text(self.dataset, keyword)
        if stated:
            self.tags[keyword] = stated
        return stated

    def numbers(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """Exactly ``count`` finite numbers, from the image or from its exposures; None when absent or, told in ``wrong``, not that."""
        stated: list[tuple[float, ...]] = []
        for place, dataset in [("", self.dataset), *(("ExposureSequence.", e) for e in items(self.dataset, "ExposureSequence"))]:
            written = text(dataset, keyword)
            if not written:
                continue
            self.tags[place + keyword] = written
            numbers = _floats(written)
            if len(numbers) != count:
                self.wrong.append(f"{keyword} reads {written!r} where {count} number{'s are' if count > 1 else ' is'} expected")
                return None
            stated.append(numbers)
        if keyword in ANGLES.values() and any(abs(angle_difference(n[0], stated[0][0])) > AGREE_DEG for n in stated):
            self.wrong.append(f"{keyword} is stated as {' and as '.join(f'{n[0]:g}' for n in stated)} in one file")
            return None
        return stated[0] if stated else None

    def number(self, keyword: str) -> float | None:
        """One finite number, as ``numbers``."""
        values = self.numbers(keyword, 1)
        return values[0] if values else None

    def refuse_if_incomplete(self) -> None:
        """DicomError with everything missing and wrong, and how to supply it."""
        reasons = list(self.wrong)
        if self.missing:
            reasons.append(f"missing: {', '.join(self.missing)}; export it again with its geometry, or let the file name say it: {EXAMPLE}")
        if reasons:
            raise DicomError("; ".join(reasons))


def _floats(written: str) -> tuple[float, ...]:
    """The numbers of a multi-valued text; empty unless all are finite numbers."""
    try:
        numbers = tuple(float(part) for part in written.split("\\"))
    except ValueError:
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()


def items(dataset: Any, keyword: str) -> list[Any]:
    """The items of a sequence, none when it is absent. DicomError when it is no sequence."""
    sequence = value(dataset, keyword) or []
    if not all(hasattr(item, "get") for item in sequence):
        raise DicomError(f"{keyword} is damaged; export it again")
    return list(sequence)


def whole(dataset: Any, keyword: str, absent: int) -> int:
    """One whole number, ``absent`` when the file does not have it. DicomError when it is anything else."""
    written = text(dataset, keyword)
    if not written:
        return absent
    try:
        return int(written)
    except ValueError as error:
        raise DicomError(f"{keyword} reads {written!r} where a whole number is expected; export it again") from error


def text(dataset: Any, keyword: str) -> str:
    """The value as text, several joined by a backslash; "" when absent or empty. DicomError when its bytes are no such value.

    Line ends and control characters become spaces: these words end up on screens and in reports.
    """
    stated = value(dataset, keyword)
    if stated is None:
        return ""
    many = hasattr(stated, "__iter__") and not isinstance(stated, str | bytes) and not hasattr(stated, "components")
    return "\\".join(_shown(str(part)) for part in (stated if many else [stated]))


def _shown(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value).strip()


def value(dataset: Any, keyword: str) -> Any:
    """The value as the library gives it, None when absent. DicomError when its bytes are no such value."""
    try:
        return dataset.get(keyword)
    except Exception as error:  # the library raises what it likes at a damaged value
        raise DicomError(f"{keyword} is damaged ({type(error).__name__}); export it again") from error
