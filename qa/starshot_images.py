"""Which images show a whole star and which one spoke of it; whether a set is a starshot at all."""

from __future__ import annotations

from collections.abc import Sequence

from qa.acquisition import Image
from qa.narrow_beams import beams

LOOKED_AT = 3  # images of a set, spread over it
STAR = 3  # beams in one picture


def missing(images: Sequence[Image]) -> str:
    """Nothing ("") as soon as one of a few images shows a star, or one narrow beam and there are enough of them; else what is missing."""
    if not images:
        return "a starshot needs images; there are none"
    why = ""
    for image in images[:: max(1, len(images) // LOOKED_AT)]:
        count, reason = beams(image)
        if count >= STAR or (count == 1 and len(images) >= STAR):
            return ""
        why = why or reason
    if why:
        return f"a starshot needs narrow beams that cross; {images[0].name}: {why}"
    return f"a starshot needs {STAR} narrow beams or more that cross, in one picture or an image each: expose more"


def sorted_out(images: Sequence[Image]) -> tuple[list[Image], list[Image]]:
    """(images that show a whole star, all others); one image alone is always taken as a whole."""
    if len(images) == 1:
        return list(images), []
    whole = [image for image in images if beams(image)[0] >= STAR]
    return whole, [image for image in images if not any(image is one for one in whole)]
