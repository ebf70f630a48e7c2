"""Stored pixel values, decoded only where decoding loses nothing, and turned so that larger always means more radiation.

Works on a parsed dataset without importing the library that parsed it. Lossy pixels are never decoded: they move edges.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.header import items, text, value, whole
from qa.reading import DicomError

Stored = NDArray[np.integer[Any]]

NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}
DECODERS = {  # transfer syntax -> who decodes it (PS3.5 A.4: only those that are lossless by definition)
    "1.2.840.10008.1.2.4.57": "gdcm",  # JPEG Lossless, process 14
    "1.2.840.10008.1.2.4.70": "gdcm",  # JPEG Lossless, first-order prediction
    "1.2.840.10008.1.2.4.80": "gdcm",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.90": "gdcm",  # JPEG 2000 Lossless Only
    "1.2.840.10008.1.2.5": "rle",
}
LOSSY = {
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000, lossy allowed",
    "1.2.840.10008.1.2.4.93": "JPEG 2000 Part 2, lossy allowed",
    "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000, lossy allowed",
}
MOST_PIXELS = 2**26  # four times the largest panel in use; what a damaged header could make the decoder reserve
END_OF_IMAGE = b"\xff\xd9"  # the last marker of JPEG, JPEG-LS and JPEG 2000 streams
RE_EXPORT = "export it again"
DAMAGED = "its compressed pixels are damaged and cannot be decoded: export it uncompressed"
PATIENCE_S = 60.0  # the largest panel takes a second


def stored(dataset: Any, syntax: str, little_endian: bool, path: Path, decoded: Stored | None = None) -> Stored:
    """The integers (rows, columns) the file stores, bit for bit; a read-only view of its bytes where they are not compressed.

    ``path`` is the file the dataset was parsed from: the decoder of compressed pixels reads it in a process of its own, unless ``decoded``
    holds what it made of that file before.
    DicomError when they are lossy, compressed in an unknown way, cut short, of a kind that is no grey image, or beyond what the
    file says its bits can hold.
    """
    _is_grey(dataset)
    _is_lossless(dataset, syntax)
    data = value(dataset, "PixelData")
    if not isinstance(data, bytes) or not data:
        raise DicomError(f"no pixel data: the file is truncated or holds no image; {RE_EXPORT}")
    native = syntax in NATIVE or not syntax
    return _within_bits(dataset, _native(dataset, data, little_endian) if native else _decompressed(dataset, data, syntax, path, decoded))


def at_hand(dataset: Any, syntax: str) -> bool:
    """Whether ``stored`` needs no other process to read the pixels. DicomError for those that it would refuse by their header."""
    _is_grey(dataset)
    _is_lossless(dataset, syntax)
    return DECODERS.get(syntax) != "gdcm"


def _is_grey(dataset: Any) -> None:
    rows, columns, bits = (whole(dataset, k, 0) for k in ("Rows", "Columns", "BitsAllocated"))
    if rows < 1 or columns < 1:
        raise DicomError(f"no Rows and Columns: the file is truncated or holds no image; {RE_EXPORT}")
    if rows * columns > MOST_PIXELS:
        raise DicomError(f"{rows} x {columns} pixels: no panel is that large; {RE_EXPORT}")
    if (frames := whole(dataset, "NumberOfFrames", 1)) != 1:
        raise DicomError(f"{frames} frames in one file: export one frame (or the average) per file")
    if (samples := whole(dataset, "SamplesPerPixel", 1)) != 1:
        raise DicomError(f"a colour image ({samples} samples per pixel): export the grey original, not a screen shot")
    if bits not in (8, 16, 32):
        raise DicomError(f"{bits} bits per pixel: expected 8, 16 or 32; {RE_EXPORT}")
    if items(dataset, "ModalityLUTSequence"):
        raise DicomError("its values go through a look-up table (ModalityLUTSequence): export the linear image")


def _is_lossless(dataset: Any, syntax: str) -> None:
    lossy = LOSSY.get(syntax, "")
    if not lossy and text(dataset, "LossyImageCompression") == "01":
        lossy = "LossyImageCompression 01"
    if lossy:
        raise DicomError(f"lossy compressed ({lossy}), which moves edges and changes grey values: export the uncompressed original")
    if syntax and syntax not in NATIVE and syntax not in DECODERS:
        raise DicomError(f"compressed in a way that is not read here (transfer syntax {syntax}): export it uncompressed")


def _native(dataset: Any, data: bytes, little_endian: bool) -> Stored:
    rows, columns, size = whole(dataset, "Rows", 0), whole(dataset, "Columns", 0), whole(dataset, "BitsAllocated", 0) // 8
    expected = rows * columns * size
    if len(data) < expected:
        raise DicomError(f"truncated: {len(data)} of {expected} bytes of pixels are there; {RE_EXPORT}")
    if len(data) - expected > 1:  # one byte makes the length even
        raise DicomError(f"{len(data)} bytes of pixels where {rows} x {columns} need {expected}: Rows or Columns are wrong; {RE_EXPORT}")
    if size == 1 and not little_endian:
        raise DicomError("8-bit pixels in big-endian order, which programs write in two ways: export it little-endian")
    dtype = np.dtype(f"{'<' if little_endian else '>'}{'i' if _signed(dataset) else 'u'}{size}")
    return np.frombuffer(data, dtype, rows * columns).reshape(rows, columns)


def _decompressed(dataset: Any, data: bytes, syntax: str, path: Path, decoded: Stored | None) -> Stored:
    if DECODERS[syntax] == "rle":
        try:
            dataset.convert_pixel_data("rle")
            values = np.asarray(dataset.pixel_array)
        except Exception as error:  # the library raises what it likes at a damaged stream
            raise DicomError(DAMAGED) from error
    else:
        if END_OF_IMAGE not in data[-64:]:  # a sequence delimiter and padding may follow
            raise DicomError(f"truncated: the compressed pixels have no end; {RE_EXPORT}")
        values = decode([path])[0] if decoded is None else decoded
    wanted = (whole(dataset, "Rows", 0), whole(dataset, "Columns", 0)), f"{'i' if _signed(dataset) else 'u'}{values.dtype.itemsize}"
    if (values.shape, values.dtype.str[1:]) != wanted or values.dtype.itemsize * 8 != whole(dataset, "BitsAllocated", 0):
        raise DicomError(f"its compressed pixels are not the {wanted[0][0]} x {wanted[0][1]} pixels its header tells of; {RE_EXPORT}")
    return values


def decode(paths: Sequence[Path]) -> list[Stored]:
    """What ``qa/codec.py`` makes of the files, in one process; DicomError when it fails at one or the decoder as much as complains."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("codec.py")), *map(str, paths)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise DicomError(DAMAGED) from error
    if done.returncode != 0 or done.stderr:
        raise DicomError(DAMAGED)
    images: list[Stored] = []
    start = 0
    for _ in paths:
        rows, columns, bits, signed = (int.from_bytes(done.stdout[i : i + 4], "little") for i in range(start, start + 16, 4))
        end = start + 16 + rows * columns * bits // 8
        if bits not in (8, 16, 32) or len(done.stdout) < end:
            raise DicomError(DAMAGED)
        kind = f"<{'i' if signed else 'u'}{bits // 8}"
        images.append(np.frombuffer(done.stdout, kind, rows * columns, start + 16).reshape(rows, columns))
        start = end
    if len(done.stdout) != start:
        raise DicomError(DAMAGED)
    return images


def _signed(dataset: Any) -> bool:
    return whole(dataset, "PixelRepresentation", 0) == 1


def _bounds(dataset: Any) -> tuple[int, int]:
    """The smallest and largest stored value the file's bits can hold."""
    bits = whole(dataset, "BitsStored", whole(dataset, "BitsAllocated", 0))
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if _signed(dataset) else (0, 2**bits - 1)


def _within_bits(dataset: Any, values: Stored) -> Stored:
    allocated = whole(dataset, "BitsAllocated", 0)
    bits = whole(dataset, "BitsStored", allocated)
    high = whole(dataset, "HighBit", bits - 1)
    if not 1 <= bits <= allocated or high != bits - 1:
        raise DicomError(f"{bits} bits stored of {allocated} with the highest at {high} contradict each other; {RE_EXPORT}")
    low, top = _bounds(dataset)
    if bits < allocated and (int(values.min()) < low or int(values.max()) > top):
        raise DicomError(f"values from {values.min()} to {values.max()} do not fit in the {bits} bits it claims; {RE_EXPORT}")
    return values


def rescaled(dataset: Any, values: Stored, slope: float, intercept: float, invert: bool) -> NDArray[np.float32]:
    """Values times slope plus intercept, float32; inverted as (largest value the bits can hold, rescaled) minus value, so never below 0.

    The offset of an inverted image is the same for every image of that panel, so inverted images stay comparable.
    """
    pixels = _exact(values, slope, intercept)
    if invert:
        np.subtract(max(slope * bound + intercept for bound in _bounds(dataset)), pixels, out=pixels)
    return pixels.astype(np.float32, copy=False)


def scaled(values: Stored, slope: float, intercept: float) -> NDArray[np.float32]:
    """Values times slope plus intercept, float32."""
    return _exact(values, slope, intercept).astype(np.float32, copy=False)


def _exact(values: Stored, slope: float, intercept: float) -> NDArray[Any]:
    """Rescaled in double precision where the values need it."""
    pixels: NDArray[Any] = values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
    if slope != 1.0:
        np.multiply(pixels, slope, out=pixels)
    if intercept != 0.0:
        np.add(pixels, intercept, out=pixels)
    return pixels
