"""Whether a set of images is one of a planar phantom, by a coarse look at a few of them.

Small fields of balls and targets, which most sets of a day are, are told by where they are lit: no model is looked at for them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa import frames
from qa.acquisition import Acquisition, Image
from qa.planar_quality_lines import without_lines
from qa.reading import AnalysisError, DicomError

LOOKED_AT = 3  # images of a set: first, middle, last; sets of balls and targets are seen through at the first
UNSURE = 0.8  # of the likely score: a set that may be one is measured, and says there what is wrong
EVERY_MM = 2.0  # a pixel of the first look
LIT = 0.05  # of the range: what differs by more from most of the image belongs to a field
SMALL_MM, LARGE_MM = 48.0, 90.0  # the smallest phantom is 49 mm wide on a panel at 1.7 m; a faint one and its margin 90 mm
RIM_MM = 6.0  # of a field: penumbra and what 2 mm pixels make of it
ODD, FILLED = 0.1, 0.1  # of the beam: what differs by more is something; share of the field: a ball, its rod, a target fill less


def missing(acquisition: Acquisition) -> str:
    """ "" when an image may show a planar phantom or the performer names one, else what was seen."""
    if acquisition.phantom.strip():
        from phantoms.models import named

        if named(acquisition.phantom, "planar") is not None:
            return ""
    reasons = []
    for image in few(acquisition.images):
        try:
            reason = seen(image.pixels, frames.pixel_mm(image), image.radiation)
        except (AnalysisError, DicomError) as error:
            reason = str(error)
        if not reason:
            return ""
        reasons.append(reason)
    return "planar image quality needs an image of a planar phantom: " + "; ".join(dict.fromkeys(reasons))


def seen(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], radiation: str) -> str:
    """ "" when these pixels may show a planar phantom, else what they show. AnalysisError when they are blank."""
    if small_field(pixels, pitch_mm):
        return "a small field shows, with nothing as large as a phantom in it"
    from qa.features.planar_recognise import LIKELY, recognise

    found = recognise(without_lines(pixels).pixels, pitch_mm, radiation)
    return "" if found.found is not None or any(m.score > UNSURE * LIKELY for m in found.ranking) else found.reason


def small_field(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> bool:
    """Whether all that shows is a field too small for a phantom, or one that holds no more than a ball. False when in doubt."""
    from scipy.ndimage import binary_erosion, binary_fill_holes

    every = max(1, int(EVERY_MM / pitch_mm[0])), max(1, int(EVERY_MM / pitch_mm[1]))
    look = np.asarray(pixels[:: every[0], :: every[1]], dtype=np.float64)
    step = every[0] * pitch_mm[0], every[1] * pitch_mm[1]
    dark, low, high = float(np.median(look)), float(look.min()), float(look.max())
    if not high > low:
        return False
    look = (look - dark) / (high - low) * (1 if high - dark > dark - low else -1)  # values that fall with radiation are turned round
    rows, columns = (np.flatnonzero((np.abs(look) > LIT).any(axis=axis)) for axis in (1, 0))
    extent = np.ptp(rows) * step[0], np.ptp(columns) * step[1]
    if min(extent) < SMALL_MM and max(extent) < LARGE_MM:
        return True
    if max(extent) > LARGE_MM:
        return False
    field = look[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    lit = binary_fill_holes(field > 0.5 * np.percentile(field, 90))
    inner = field[binary_erosion(lit, iterations=round(RIM_MM / max(step)))]
    if not len(inner):
        return True
    beam = float(np.median(inner))
    return bool(np.mean(np.abs(inner - beam) > ODD * beam) < FILLED)


def few(images: Sequence[Image]) -> list[Image]:
    """All images of a small set, some of a large one, spread over it."""
    if len(images) <= LOOKED_AT:
        return list(images)
    return [images[round(k * (len(images) - 1) / (LOOKED_AT - 1))] for k in range(LOOKED_AT)]
