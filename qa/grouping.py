"""Images that belong together, by what was imaged: one machine, one day, one kind of radiation, the couch in one place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa.acquisition import Acquisition, Image

SAME_PLACE_MM = 0.2  # readouts scatter by 0.03 mm while a couch turns; a correction of 0.4 mm between two images is a real one


def acquisitions(images: Sequence[tuple[Image, str]]) -> tuple[Acquisition, ...]:
    """Images with the day each was taken on ("" unknown, a day of its own), as acquisitions in order of their first image's name.

    Places are joined by single linkage: an image belongs to a place when any image there has its couch readout within
    ``SAME_PLACE_MM`` on every axis. Images without a couch readout are one place. Fails when a couch is moved on purpose by
    less than that: the steps then count as one place.
    """
    kinds: dict[tuple[str, str, str], list[Image]] = {}
    for image, day in sorted(images, key=lambda pair: pair[0].name):
        kinds.setdefault((image.machine, day, image.radiation), []).append(image)
    groups = [(day, place) for (_, day, _), together in kinds.items() for place in _places(together)]
    return tuple(_named(day, place) for day, place in sorted(groups, key=lambda group: group[1][0].name))


def _places(images: Sequence[Image]) -> list[list[Image]]:
    """The images by couch position, each in the order given."""
    unknown = [image for image in images if image.couch_mm is None]
    known = [image for image in images if image.couch_mm is not None]
    couch = np.array([image.couch_mm for image in known], float).reshape(-1, 3)
    place = np.full(len(known), -1)
    for start in range(len(known)):
        reached = [start] if place[start] < 0 else []
        while reached:
            place[reached] = start
            here = reached.pop()
            near = (place < 0) & (np.abs(couch - couch[here]) <= SAME_PLACE_MM).all(axis=1)
            place[near] = start
            reached += np.flatnonzero(near).tolist()
    places = [[image for image, p in zip(known, place, strict=True) if p == start] for start in sorted(set(place.tolist()))]
    return [group for group in [*places, unknown] if group]


def _named(day: str, images: Sequence[Image]) -> Acquisition:
    first = images[0]
    energies = sorted({image.energy for image in images if image.energy})
    readouts = [image.couch_mm for image in images if image.couch_mm is not None]
    couch = "couch readout unknown"
    if readouts:
        x, y, z = np.mean(readouts, axis=0)
        couch = f"couch ({x:.2f}, {y:.2f}, {z:.2f}) mm"
    title = f"{', '.join(energies) or first.radiation}, {first.machine}, {day or 'date unknown'}, {couch}"
    return Acquisition(tuple(images), first.machine, first.radiation, title)
