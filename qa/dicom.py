"""DICOM files, folders and zips become acquisitions; every file that does not is refused by name, with the reason.

The only module that knows the DICOM library. At the scan every file is read once, hashed and its header checked; pixels are decoded
again, from the same bytes or not at all, whenever ``Image.pixels`` is asked for.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from qa import grouping, intake, pixels, polarity, rtimage, twins, unzip
from qa.acquisition import Acquisition, Image, Refused
from qa.header import text
from qa.reading import DicomError
from qa.unzip import Found

RT_IMAGE = "1.2.840.10008.5.1.4.1.1.481.1"
DIRECTORY = "1.2.840.10008.1.3.10"
DEFLATED = b"1.2.840.10008.1.2.1.99"
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")  # what a file without preamble can begin with, either byte order
OTHER_FORMATS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "an office document",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip archive",
}

_library = threading.RLock()  # warning filters belong to the whole process: one thread changes them at a time


@dataclass(frozen=True)
class Batch:
    """What was handed in: images grouped into acquisitions, and every file left out with the reason, both sorted by name."""

    acquisitions: tuple[Acquisition, ...]
    refused: tuple[Refused, ...]


@contextmanager
def opened(paths: Sequence[Path], progress: Callable[[int, int], None] | None = None) -> Iterator[Batch]:
    """All files behind ``paths`` (files, folders, zips, zips in zips) as a batch; pixels can be decoded until the block ends.

    ``progress(done, total)`` is called after each file read. Unpacked files are removed at the end of the block, however it ends.
    DicomError when a path does not exist or there is no file at all; anything wrong with one file is in ``Batch.refused``.
    """
    with tempfile.TemporaryDirectory(prefix="igrtqa-") as folder:
        files, refused = intake.found(paths, Path(folder))
        with _quiet():
            read = _each(_read, files, progress or (lambda done, total: None))
            images, copies = twins.apart([r for r in read if not isinstance(r, Refused)])
        refused += [r for r in read if isinstance(r, Refused)] + copies
        yield Batch(grouping.acquisitions(images), tuple(sorted(refused, key=lambda r: r.name)))


@contextmanager
def _quiet() -> Iterator[None]:
    """The library's warnings about odd values are silenced: what matters is checked here, value by value."""
    with _library, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _each(read: Callable[[Found], Any], files: Sequence[Found], progress: Callable[[int, int], None]) -> list[Any]:
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


def _read(file: Found) -> tuple[Image, str] | Refused:
    """One file as an image and its day, or refused."""
    suspect = False  # whether what cannot be read may be an image of the set
    try:
        data = _bytes(file)
        suspect = data[128:132] == b"DICM"
        dataset, syntax, little_endian = _parsed(data)
        suspect = not (text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID") or text(dataset, "Modality"))
        _is_rt_image(dataset)
        suspect = True
        return _image(file, data, dataset, pixels.stored(dataset, syntax, little_endian, file.path))
    except DicomError as error:
        return Refused(file.name, str(error), suspect)
    except OSError as error:
        return Refused(file.name, f"cannot be read ({error.strerror}): ask for access to it", True)


def _bytes(file: Found) -> bytes:
    """The whole file, once its first bytes can be those of a DICOM file."""
    with file.path.open("rb") as stream:
        start = stream.read(132)
        if start[128:] != b"DICM" and start[:2] not in FIRST_GROUPS:
            kind = "not a DICOM file" if start else "an empty file"
            kind = next((words for magic, words in OTHER_FORMATS.items() if start.startswith(magic)), kind)
            raise DicomError(f"{kind}: {intake.EXPECTED}")
        size = os.fstat(stream.fileno()).st_size
        if size > unzip.MEMBER_BYTES:
            raise DicomError(f"{size / 2**30:.1f} GiB in one file: not an image this suite reads")
        stream.seek(0)
        return stream.read()


def _parsed(data: bytes) -> tuple[Any, str, bool]:
    """(dataset, transfer syntax or "" when not stated, little endian). Call within ``_quiet``."""
    _inflates(data)
    try:
        dataset = pydicom.dcmread(BytesIO(data), force=True)
        syntax = str(dataset.file_meta.get("TransferSyntaxUID") or "")
        known = "MediaStorageSOPClassUID" in dataset.file_meta or any(k in dataset for k in ("SOPClassUID", "Modality", "Rows"))
    except Exception as error:  # a parser fed with damaged bytes raises what it likes
        raise DicomError(f"damaged or not DICOM ({type(error).__name__}); {pixels.RE_EXPORT}") from error
    if not known:
        raise DicomError(f"truncated or not DICOM (it says neither what it is nor how large); {pixels.RE_EXPORT}")
    return dataset, syntax, bool(dataset.is_little_endian)


def _inflates(data: bytes) -> None:
    """DicomError when a deflated dataset is cut short or grows past the size of any image."""
    if data[128:136] != b"DICM\x02\x00\x00\x00" or DEFLATED not in data[:1024]:
        return
    start = 144 + int.from_bytes(data[140:144], "little")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflate.decompress(data[start:], unzip.MEMBER_BYTES)
    except zlib.error as error:
        raise DicomError(f"its deflated data are damaged ({error}); {pixels.RE_EXPORT}") from error
    if inflate.unconsumed_tail:
        raise DicomError(f"inflates to more than {unzip.MEMBER_BYTES / 2**20:.4g} MiB: not an image this suite reads")
    if not inflate.eof:
        raise DicomError(f"truncated: its deflated data have no end; {pixels.RE_EXPORT}")


def _is_rt_image(dataset: Any) -> None:
    """DicomError with what the file is, unless it is an RT Image."""
    sop_class = text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")
    modality = text(dataset, "Modality")
    if sop_class == RT_IMAGE or (modality == "RTIMAGE" and not sop_class):
        return
    if sop_class == DIRECTORY:
        raise DicomError("the index of a medium, holds no image itself")
    if modality in ("CT", "MR", "PT", "NM"):
        raise DicomError(f"{modality} slices: no test for volumes yet")
    if not sop_class and not modality:
        raise DicomError(f"does not say what kind of image it is (no SOPClassUID, no Modality): truncated or stripped; {pixels.RE_EXPORT}")
    what = pydicom.uid.UID(sop_class).name if sop_class else modality
    raise DicomError(f"{what} ({modality or 'no modality'}): expected an RT Image")


def _image(file: Found, data: bytes, dataset: Any, stored: pixels.Stored) -> tuple[Image, str]:
    uid = text(dataset, "SOPInstanceUID")
    if not uid:
        raise DicomError(f"no SOPInstanceUID, so the record could not name it; {pixels.RE_EXPORT}")
    facts = rtimage.facts(file.name, dataset)
    direction, note = polarity.grows(stored, facts.spacing_mm, facts.sid_mm / facts.sad_mm, facts.jaws, facts.sign, facts.radiation)
    notes = [*facts.notes, *([note] if note else [])]
    if data[128:132] != b"DICM":
        notes.append("the file has no DICOM preamble; its encoding was recognised from its content")
    sha256 = hashlib.sha256(data).hexdigest()
    invert = direction * facts.slope < 0
    image = Image(
        name=file.name,
        sop_instance_uid=uid,
        sha256=sha256,
        shape=facts.shape,
        load=partial(_pixels, file, _source(file, data, dataset, stored), facts.slope, facts.intercept, invert),
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


def _pixels(file: Found, source: _Source, slope: float, intercept: float, invert: bool) -> NDArray[np.float32]:
    """Decoded from the file that was scanned. DicomError when it is gone or was changed since (by its size or time of change)."""
    try:
        status = file.path.stat()
        if (status.st_size, status.st_mtime_ns) != (source.size, source.changed_ns):
            raise DicomError(f"{file.name} was changed after it was read: hand it in again")
        if source.start is not None and not invert:
            rows, columns = source.shape
            values = np.fromfile(file.path, source.kind, rows * columns, offset=source.start)
            return pixels.scaled(values.reshape(rows, columns), slope, intercept)
        data = file.path.read_bytes()
    except OSError as error:
        raise DicomError(f"{file.name} is not there any more ({error.strerror}): hand it in again") from error
    with _quiet():
        dataset, syntax, little_endian = _parsed(data)
        return pixels.rescaled(dataset, pixels.stored(dataset, syntax, little_endian, file.path), slope, intercept, invert)


@dataclass(frozen=True)
class _Source:
    """The file as it was scanned: its size, when it was changed, and where plain pixels start in it (None: they need decoding)."""

    size: int
    changed_ns: int
    start: int | None
    kind: str
    shape: tuple[int, int]


def _source(file: Found, data: bytes, dataset: Any, stored: pixels.Stored) -> _Source:
    """What is needed to read the pixels again; ``stored`` is what the scan saw."""
    start = getattr(dataset["PixelData"], "file_tell", None)
    plain = (
        isinstance(start, int)
        and data.startswith(stored[0].tobytes(), start)
        and data.startswith(stored[-1].tobytes(), start + stored.nbytes - stored[-1].nbytes)
    )  # a deflated file has its pixels elsewhere
    status = file.path.stat()
    rows, columns = stored.shape
    return _Source(len(data), status.st_mtime_ns, start if plain else None, stored.dtype.str, (rows, columns))
