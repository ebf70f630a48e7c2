"""Whether a set of MV images is one of several targets: decided by where fields are, on a coarse picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa import frames
from qa.acquisition import Image
from qa.features.region import Region, Unusable, locate_all
from qa.reading import AnalysisError, DicomError

ROOM_MM = 17.0  # jaws nearer to the axis than this hold no field of 14 mm whose centre is more than 10 mm off
LOOKED_AT = 4  # images: of several targets, images on the axis are the exception
OFF_AXIS_MM = 10.0  # ordinary Winston-Lutz fields are within 2 mm of the axis, panels within some mm of where they say they are


def missing(images: Sequence[Image]) -> str:
    """Nothing ("") as soon as one image shows two fields or a field more than 10 mm off the axis, else what is missing, in words.

    Nothing is measured: one coarse look (10 ms for a full panel) at a few images spread over the set, none after the first that decides,
    and none where the file's jaw positions leave no room off the axis. Fails (the set is taken for an ordinary one) when only images
    between them show other targets; Winston-Lutz then names those.
    """
    dark = 0
    images = images[:: max(1, len(images) // LOOKED_AT)]
    for image in images:
        if _closed(image):
            continue
        try:
            fields = locate_all(image.pixels, frames.pixel_mm(image))
        except (AnalysisError, DicomError):
            dark += 1
            continue
        if len(fields) > 1 or any(_off_axis_mm(image, field) > OFF_AXIS_MM for field in fields):
            return ""
    if dark == len(images):
        return "the multi-target test needs images that show radiation fields; none of these does"
    return (
        f"the multi-target test needs several fields, or fields more than {OFF_AXIS_MM:.0f} mm off the axis; "
        "each of these images shows one field near the axis"
    )


def _closed(image: Image) -> bool:
    """Whether the file states both pairs of jaws, and both close to the axis; leaves and cones inside them only make fields smaller."""
    stated = [text for key, text in image.tags.items() if key.startswith("LeafJawPositions")]
    try:
        edges = [abs(float(edge)) for text in stated for edge in text.split("\\")]
    except ValueError:
        return False
    return len(stated) == 2 and max(edges) <= ROOM_MM


def _off_axis_mm(image: Image, field: Region | Unusable) -> float:
    """How far a field is from the imager's own origin, mm on the isocentre plane."""
    pitch = frames.pixel_mm(image)
    place = np.array(frames.to_plane(image, field.centre_mm[1] / pitch[0], field.centre_mm[0] / pitch[1])) + frames.receptor_mm(image)
    return float(np.hypot(*place))
