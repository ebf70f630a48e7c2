"""The bytes of one file as a parsed dataset, or a refusal that says what the file is instead.

Call everything here within ``quiet``.
"""

from __future__ import annotations

import os
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pydicom

from qa import intake, pixels, unzip
from qa.reading import DicomError
from qa.unzip import Found

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


@contextmanager
def quiet() -> Iterator[None]:
    """The library's warnings about odd values are silenced: what matters is checked here, value by value."""
    with _library, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def content(file: Found) -> bytes:
    """The whole file, once its first bytes can be those of a DICOM file; DicomError says what it is when they cannot."""
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


def parsed(data: bytes) -> tuple[Any, str, bool]:
    """(dataset, transfer syntax or "" when not stated, little endian). DicomError when the bytes are damaged or no dataset."""
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


def class_name(sop_class: str) -> str:
    """The standard's name of a SOP class, the UID itself when it is none of the standard's."""
    return str(pydicom.uid.UID(sop_class).name)
