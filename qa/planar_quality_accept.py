"""Whether a set of images is one of a planar phantom, by a coarse look at a few of them."""

from __future__ import annotations

from collections.abc import Sequence

from phantoms.models import named
from qa import frames
from qa.acquisition import Acquisition, Image
from qa.features.planar_recognise import LIKELY, recognise
from qa.reading import AnalysisError, DicomError

LOOKED_AT = 4  # images of a large set: sets of balls and targets are seen through at once
UNSURE = 0.8  # of the likely score: a set that may be one is measured, and says there what is wrong


def missing(acquisition: Acquisition) -> str:
    """ "" when an image may show a planar phantom or the performer names one, else what was seen."""
    if acquisition.phantom.strip() and named(acquisition.phantom, "planar") is not None:
        return ""
    reasons = []
    for image in few(acquisition.images):
        try:
            seen = recognise(image.pixels, frames.pixel_mm(image), image.radiation)
        except (AnalysisError, DicomError) as error:
            reasons.append(str(error))
            continue
        if seen.found is not None or any(match.score > UNSURE * LIKELY for match in seen.ranking):
            return ""
        reasons.append(seen.reason)
    return "planar image quality needs an image of a planar phantom: " + "; ".join(dict.fromkeys(reasons))


def few(images: Sequence[Image]) -> list[Image]:
    """All images of a small set, some of a large one, spread over it."""
    if len(images) <= LOOKED_AT:
        return list(images)
    return [images[round(k * (len(images) - 1) / (LOOKED_AT - 1))] for k in range(LOOKED_AT)]
