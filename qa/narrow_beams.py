"""Whether an image shows narrow beams instead of a treatment field: one coarse look, nothing is measured."""

from __future__ import annotations

from collections.abc import Sequence

from qa import frames
from qa.acquisition import Image
from qa.features.star_look import look
from qa.reading import AnalysisError, DicomError


def beams(image: Image) -> tuple[int, str]:
    """(how many narrow beams an image shows; why none)."""
    try:
        return len(look(image.pixels, frames.pixel_mm(image)).axes_deg), ""
    except (AnalysisError, DicomError) as error:
        return 0, str(error)


def of_all(images: Sequence[Image]) -> bool:
    """Whether each of these images shows one narrow beam, or a star of three or more; the first that does not decides."""
    return all(count == 1 or count >= 3 for count in (beams(image)[0] for image in images))
