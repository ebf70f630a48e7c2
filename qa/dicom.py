"""DICOM files, scans of film, folders and zips become acquisitions; every file that does not is refused by name, with the reason.

At the scan every file is read once, hashed and its header checked; pixels are decoded again, from the same bytes or not at all, whenever
``Image.pixels`` or ``Volume.voxels`` is asked for.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from qa import ctseries, ctslice, dataset, film, grouping, intake, pixels, polarity, rtimage, spatial_registration, twins
from qa.acquisition import Acquisition, Image, Refused, Registration
from qa.ctslice import CtSlice, Unusable
from qa.header import text
from qa.reading import DicomError
from qa.source import source
from qa.unzip import Found

RT_IMAGE = "1.2.840.10008.5.1.4.1.1.481.1"
DIRECTORY = "1.2.840.10008.1.3.10"

Read = tuple[Image, str] | CtSlice | Unusable | Registration | Refused


@dataclass(frozen=True)
class Batch:
    """What was handed in: images and volumes grouped into acquisitions, and every file left out with the reason, both sorted by name."""

    acquisitions: tuple[Acquisition, ...]
    refused: tuple[Refused, ...]


@contextmanager
def opened(
    paths: Sequence[Path], progress: Callable[[int, int], None] | None = None, scale_of: Callable[[str], str] | None = None
) -> Iterator[Batch]:
    """All files behind ``paths`` (files, folders, zips, zips in zips) as a batch; pixels can be decoded until the block ends.

    ``progress(done, total)`` is called after each file read. ``scale_of`` as in ``qa.rtimage.facts``. Unpacked files are removed
    at the end of the block, however it ends.
    DicomError when a path does not exist or there is no file at all; anything wrong with one file is in ``Batch.refused``.
    """
    with tempfile.TemporaryDirectory(prefix="igrtqa-") as folder:
        files, refused = intake.found(paths, Path(folder))
        with dataset.quiet():
            read = _each(partial(_read, scale_of=scale_of), files, progress or (lambda done, total: None))
            images, copies = twins.apart([r for r in read if isinstance(r, tuple)])
            unusable = [r for r in read if isinstance(r, Unusable)]
            volumes, left = ctseries.volumes([r for r in read if isinstance(r, CtSlice)], unusable)
        matched, unmatched = grouping.registered(
            grouping.acquisitions(images, volumes), [r for r in read if isinstance(r, Registration)]
        )  # fmt: skip
        refused += [*(r for r in read if isinstance(r, Refused)), *copies, *left, *unmatched]
        yield Batch(matched, tuple(sorted(refused, key=lambda r: r.name)))


def _each(read: Callable[[Found], Read], files: Sequence[Found], progress: Callable[[int, int], None]) -> list[Read]:
    """``read`` of every file, in order, in threads: hashing and copying do not hold the interpreter's lock."""
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        results = []
        for future in [pool.submit(read, file) for file in files]:
            results.append(future.result())
            progress(len(results), len(files))
        return results
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read(file: Found, scale_of: Callable[[str], str] | None) -> Read:
    """One file as an image and its day, as a slice of a volume, as a registration, or refused."""
    suspect = False  # whether what cannot be read may be an image of the set
    try:
        with file.path.open("rb") as stream:
            picture = film.is_picture(stream.read(8))
        if picture:
            return film.read(file), ""
        data = dataset.content(file)
        suspect = data[128:132] == b"DICM"
        header, syntax, little_endian = dataset.parsed(data)
        suspect = not (_sop_class(header) or text(header, "Modality"))
        if spatial_registration.is_one(_sop_class(header), text(header, "Modality")):
            return spatial_registration.read(file.name, data, header)
        if _is_slice(header):
            return ctslice.read(file, data, header, syntax, little_endian)
        suspect = True
        return _image(file, data, header, pixels.stored(header, syntax, little_endian, file.path), scale_of)
    except DicomError as error:
        return Refused(file.name, str(error), suspect)
    except OSError as error:
        return Refused(file.name, f"cannot be read ({error.strerror}): ask for access to it", True)


def _sop_class(header: Any) -> str:
    return text(header, "SOPClassUID") or text(header.file_meta, "MediaStorageSOPClassUID")


def _is_slice(header: Any) -> bool:
    """Whether it is of a volume rather than an RT Image. DicomError with what the file is when it is neither."""
    sop_class, modality = _sop_class(header), text(header, "Modality")
    if sop_class == RT_IMAGE or (modality == "RTIMAGE" and not sop_class):
        return False
    if sop_class == DIRECTORY:
        raise DicomError("the index of a medium, holds no image itself")
    if modality in ctslice.MODALITIES or sop_class in ctslice.CLASSES:
        return True
    if not sop_class and not modality:
        raise DicomError(f"does not say what kind of image it is (no SOPClassUID, no Modality): truncated or stripped; {pixels.RE_EXPORT}")
    what = dataset.class_name(sop_class) if sop_class else modality
    raise DicomError(f"{what} ({modality or 'no modality'}): expected an RT Image or the slices of a CT")


def _image(file: Found, data: bytes, header: Any, stored: pixels.Stored, scale_of: Callable[[str], str] | None) -> tuple[Image, str]:
    uid = text(header, "SOPInstanceUID")
    if not uid:
        raise DicomError(f"no SOPInstanceUID, so the record could not name it; {pixels.RE_EXPORT}")
    facts = rtimage.facts(file.name, header, scale_of)
    direction, note = polarity.grows(stored, facts.spacing_mm, facts.sid_mm / facts.sad_mm, facts.jaws, facts.sign, facts.radiation)
    notes = [*facts.notes, *([note] if note else [])]
    if data[128:132] != b"DICM":
        notes.append("the file has no DICOM preamble; its encoding was recognised from its content")
    where = source(file, data, header, stored)
    image = Image(
        name=file.name,
        sop_instance_uid=uid,
        sha256=hashlib.sha256(data).hexdigest(),
        shape=facts.shape,
        load=partial(where.pixels, facts.slope, facts.intercept, direction * facts.slope < 0),
        spacing_mm=facts.spacing_mm,
        sid_mm=facts.sid_mm,
        sad_mm=facts.sad_mm,
        gantry_deg=facts.angles["gantry"],
        collimator_deg=facts.angles["collimator"],
        couch_deg=facts.angles["couch"],
        radiation=facts.radiation,
        machine=facts.machine,
        acquired=facts.acquired,
        column_u=facts.column_u,
        row_v=facts.row_v,
        receptor_mm=facts.receptor_mm,
        couch_mm=facts.couch_mm,
        energy=facts.energy,
        tags=facts.tags,
        notes=tuple(notes),
    )
    return image, facts.day
