"""A scan of film becomes an image: only with its resolution, without loss, and darker always means more radiation.

A scan knows neither machine nor angles: its angles are NaN, and readings of it carry none.
"""

from __future__ import annotations

import hashlib
import math
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Image
from qa.dataset import quiet
from qa.pixels import MOST_PIXELS
from qa.reading import DicomError
from qa.unzip import MEMBER_BYTES, Found

if TYPE_CHECKING:
    from pathlib import Path

FILM = "film"  # the radiation of such an image: what exposed the film is not known
SCANS = {b"II*\x00": "TIFF", b"MM\x00*": "TIFF", b"\x89PNG\r\n\x1a\n": "PNG"}
JPEG = b"\xff\xd8\xff"
TIFF_LOSSY = {6, 7, 34712}  # TIFF tag 259: JPEG, old and new, and JPEG 2000 (which may be lossy)
PER_MM = {2: 25.4, 3: 10.0}  # TIFF tag 296: dots per inch, dots per centimetre
RESOLUTION_MM = (0.01, 1.0)  # 2540 to 25 dots per inch: what scanners of film offer, with room
AGAIN = "for a scan of film hand in a TIFF without loss that states its resolution (dots per inch)"
FILM_PLANE_MM = 1000.0  # a film is scanned at its own size: distances on it are those where it lay


def is_picture(start: bytes) -> bool:
    """Whether a file's first bytes are those of a picture that could be a scan of film."""
    return start.startswith((JPEG, *SCANS))


def read(file: Found) -> Image:
    """The scan, its pixels decoded once to see that they can be; call it within ``dataset.quiet``.

    DicomError when it is lossy, damaged, in false colours, or does not state its resolution.
    """
    if file.path.stat().st_size > MEMBER_BYTES:
        raise DicomError("too large for a scan of film that this suite reads")
    data = file.path.read_bytes()
    if data.startswith(JPEG):
        raise DicomError(f"a JPEG picture, whose compression moves edges: {AGAIN}")
    kind = next(name for magic, name in SCANS.items() if data.startswith(magic))
    picture = _opened(data, kind)
    spacing = _resolution(picture, kind)
    values, note = _decoded(picture, kind)
    down, across = (25.4 / mm for mm in spacing)
    digest = hashlib.sha256(data).hexdigest()
    return Image(
        name=file.name,
        sop_instance_uid=f"2.25.{int(digest[:32], 16)}",
        sha256=digest,
        shape=(values.shape[0], values.shape[1]),
        load=partial(_again, file.path, file.name, digest, kind),
        spacing_mm=spacing,
        sid_mm=FILM_PLANE_MM,
        sad_mm=FILM_PLANE_MM,
        gantry_deg=math.nan,
        collimator_deg=math.nan,
        couch_deg=math.nan,
        radiation=FILM,
        machine="unknown machine",
        acquired=None,
        tags={"Format": kind, "Resolution": f"{across:.6g} x {down:.6g} dots per inch"},
        notes=(
            f"a scan of film of {across:.6g} x {down:.6g} dots per inch, as its own tag says: hold a known length on it against that once",
            "gantry, collimator and couch angles are not known, nor when and on which machine the film was exposed",
            "darker is taken as more radiation: pixel values are turned round",
            *([note] if note else []),
        ),
    )


def _resolution(picture: Any, kind: str) -> tuple[float, float]:
    """Millimetres per pixel (row, column). DicomError when the file does not state them in a unit of length."""
    if kind == "TIFF":
        unit = PER_MM.get(int(picture.tag_v2.get(296, 2)))
        dots = [float(v) / unit if v and unit else 0.0 for v in map(picture.tag_v2.get, (282, 283))]
    else:
        dots = [float(v) / 25.4 for v in picture.info.get("dpi", (0.0, 0.0))]
    if min(dots) <= 0 or not all(map(math.isfinite, dots)):
        raise DicomError(f"a {kind} picture that does not state its resolution in dots per length: {AGAIN}")
    across, down = (1 / d for d in dots)
    if not all(RESOLUTION_MM[0] <= mm <= RESOLUTION_MM[1] for mm in (across, down)):
        raise DicomError(f"a {kind} picture of {25.4 / across:.4g} dots per inch, which is no scan of film: {AGAIN}")
    return down, across


def _opened(data: bytes, kind: str) -> Any:
    """The picture's header. DicomError when it is damaged, too large, of several pages or lossy."""
    from PIL import Image as Pictures

    try:
        picture: Any = Pictures.open(BytesIO(data), formats=[kind])
    except Exception as error:  # a parser fed with damaged bytes raises what it likes
        raise DicomError(f"a {kind} picture that is damaged ({type(error).__name__}): {AGAIN}") from error
    if picture.size[0] * picture.size[1] > MOST_PIXELS:
        raise DicomError(f"{picture.size[1]} x {picture.size[0]} pixels: too large for a scan of film that this suite reads")
    if getattr(picture, "n_frames", 1) != 1:
        raise DicomError(f"{picture.n_frames} pages in one file: save one scan per file")
    if kind == "TIFF" and int(picture.tag_v2.get(259, 1)) in TIFF_LOSSY:
        raise DicomError(f"a TIFF picture compressed with loss, which moves edges: {AGAIN}")
    return picture


def _decoded(picture: Any, kind: str) -> tuple[NDArray[np.float32], str]:
    """(values that grow with radiation, how colours became grey). DicomError for what cannot be decoded or is no such scan."""
    mode, tags = picture.mode, getattr(picture, "tag_v2", {})
    try:
        values = np.asarray(picture)
    except Exception as error:
        raise DicomError(f"a {kind} picture cut short or damaged ({type(error).__name__}): copy it again") from error
    note = ""
    if mode in ("RGB", "RGBA") and values.ndim == 3:
        if mode == "RGBA" and (values[..., 3] != 255).any():
            raise DicomError(f"a {kind} picture with transparent parts: no scan; {AGAIN}")
        deep = kind == "TIFF" and max(tags.get(258, (8,))) > 8
        values = values[..., 0]
        note = f"a colour scan: its red channel is used, where radiochromic film answers most{' (read with 8 bits)' if deep else ''}"
    elif mode not in ("L", "I;16", "I;16B", "I;16L", "I", "F") or values.ndim != 2:
        raise DicomError(f"a {kind} picture of kind {mode}: expected grey or RGB values; {AGAIN}")
    grey = np.asarray(values, dtype=np.float32)
    if not np.isfinite(grey).all():
        raise DicomError(f"a {kind} picture with values that are no numbers: {AGAIN}")
    if mode not in ("L", "RGB", "RGBA") and tags.get(262, 1) == 0:
        return grey, note  # dark is large already (PhotometricInterpretation 0); 8 bits the library turns round by itself
    full = 255.0 if mode in ("L", "RGB", "RGBA") else max(65535.0, float(grey.max()))
    return np.float32(full) - grey, note


def _again(path: Path, name: str, digest: str, kind: str) -> NDArray[np.float32]:
    """The pixels from the same bytes as at the scan, or not at all."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DicomError(f"{name} is not there any more ({error.strerror}): hand it in again") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise DicomError(f"{name} was changed after it was read: hand it in again")
    with quiet():
        return _decoded(_opened(data, kind), kind)[0]
