"""A set of images: each with its phantom for itself, open fields beside them, and ghosts of earlier in later ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from qa import frames
from qa.acquisition import Acquisition, Image
from qa.features import panel_defects, planar_outline
from qa.features.number import Number
from qa.planar_quality_look import Seen, Unseen, look, not_linear
from qa.planar_quality_measure import Found, measure
from qa.planar_quality_noise import largest_square, open_mask
from qa.planar_quality_readings import of_image
from qa.procedure import Analysis
from qa.reading import AnalysisError, DicomError, Measured, NotMeasured, Quantity, Reading

OPEN = 0.45  # of an image's area must be even for it to count as an open field
HUNDRED = 100.0


def analyse(quantities: Mapping[str, Quantity], acquisition: Acquisition) -> Analysis:
    """Readings and evidence of all images; every quantity is answered."""
    from qa import planar_quality_evidence

    looked = [look(image, acquisition.phantom) for image in acquisition.images]
    readings: list[Reading] = []
    found: list[Found] = []
    ghost = quantities["planar_ghost"]
    for item in looked:
        if isinstance(item, Seen):
            found.append(measure(item))
            readings += of_image(quantities, found[-1])
        elif not (found_any(looked) and is_open(item.image)):
            reason = f"{item.image.name}: {item.reason}"
            readings += [NotMeasured(q, reason, item.image.at) for q in quantities.values() if q != ghost]
    readings += _ghosts(ghost, looked)
    answered = {reading.quantity.key for reading in readings}
    absent = "no image of a planar phantom is in this set"
    readings += [NotMeasured(q, absent) for key, q in quantities.items() if key not in answered]
    unseen = [item for item in looked if isinstance(item, Unseen)]
    return Analysis(tuple(readings), planar_quality_evidence.show(found, unseen))


def found_any(looked: Sequence[Seen | Unseen]) -> bool:
    """Whether one image at least shows a phantom."""
    return any(isinstance(item, Seen) for item in looked)


def is_open(image: Image) -> bool:
    """Whether an image is an open field with nothing in it."""
    try:
        search = planar_outline.coarse(image.pixels, frames.pixel_mm(image))
    except (AnalysisError, DicomError):
        return False
    return bool(open_mask(search, None).mean() > OPEN)


def _ghosts(quantity: Quantity, looked: Sequence[Seen | Unseen]) -> list[Reading]:
    """What the last image with a phantom before an open field of the same panel leaves in it."""
    readings: list[Reading] = []
    ordered = sorted(looked, key=lambda item: item.image.acquired.timestamp() if item.image.acquired else float("inf"))
    for first, later in pairwise(ordered):
        alike = first.image.shape == later.image.shape and first.image.radiation == later.image.radiation
        if not (isinstance(first, Seen) and isinstance(later, Unseen) and alike and is_open(later.image)):
            continue
        try:
            value = _ghost(first, later.image)
            readings.append(Measured(quantity, value.value, value.u, {**later.image.at, "setting": first.setting}, value.budget))
        except (AnalysisError, DicomError) as error:
            readings.append(NotMeasured(quantity, f"{later.image.name}: {error}", {**later.image.at, "setting": first.setting}))
    why = "a ghost is measured in an open field taken right after an image of the phantom; take one and hand both in"
    return readings or [NotMeasured(quantity, why)]


def _ghost(first: Seen, later: Image) -> Number:
    """The share of the first image in the later one, % of its signal, over the phantom and what is round it."""
    if why := first.no_ratio or not_linear(later):
        raise AnalysisError(why)
    pixels, pitch = later.pixels, frames.pixel_mm(later)
    search = planar_outline.coarse(pixels, pitch)
    box = largest_square(open_mask(search, None), search, pixels.shape, pitch, 10**6)
    if box is None:
        raise AnalysisError("too little of the later image is open")
    use = np.zeros(pixels.shape, dtype=bool)
    use[box[0] : box[1], box[2] : box[3]] = True
    value = panel_defects.ghost(pixels.astype(np.float64), first.pixels.astype(np.float64), use)
    return Number(HUNDRED * value.value, HUNDRED * value.u, {k: HUNDRED * u for k, u in value.budget.items()})
