"""Angles as a machine shows them, in IEC 61217.

What a console shows, and people write into file names, may be in a scale of the maker's; what DICOM tags state is in IEC 61217.
"""

from __future__ import annotations

from collections.abc import Mapping

IEC = "iec61217"
MIRRORED: Mapping[str, Mapping[str, float]] = {  # an axis that is here stands at this angle less the angle of the other scale
    IEC: {},
    "varian_iec": {"couch": 0.0},
    "varian_standard": {"gantry": 180.0, "collimator": 180.0, "couch": 180.0},
}


def iec(scale: str, axis: str, degrees: float) -> float:
    """An angle of that scale in IEC 61217, and the other way round: each scale is the same or its mirror. KeyError for no such scale."""
    about = MIRRORED[scale].get(axis)
    if about is None or abs(degrees) > 360.0:  # what is no angle stays as it is, to be refused
        return degrees
    return (about - degrees) % 360.0
