"""The looks at a ball on one day, by the way it was imaged, in order of time, and how the ball moved between two of them.

Physics: docs/physics/daily_igrt.md, sections 1 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qa import ball_position, grouping
from qa.angles import same
from qa.ball_day import LONG_AGO, Couch, Day, ImagingSet
from qa.ball_images import SAME_BALL_MM, BallImage
from qa.ball_position import BallPosition, OneDirection, between, summed
from qa.couch_move import LONG_H

Array = NDArray[np.float64]
Found = tuple[Array, dict[str, Array], str]  # vector (3,) mm, named covariances, what is missing
PAIR, MIXED, VOLUME = "kV pair", "MV-kV pair", "CBCT"
TWO_IMAGERS = "kV and MV imager are taken for one system here"


@dataclass(frozen=True)
class Look:
    """The ball in one imaging system's coordinates with the couch in one place, or why it is not known; ``sets`` are what it is from."""

    position: BallPosition | str
    images: tuple[BallImage, ...]
    couch_mm: Couch | None
    couch_deg: float
    acquired: datetime | None
    missing: str
    sets: tuple[ImagingSet, ...]
    flags: tuple[str, ...] = ()

    @property
    def diameter_mm(self) -> float | None:
        """The ball's own diameter as it shows here, None when it does not."""
        return self.sets[0].diameter_mm

    @property
    def readouts_mm(self) -> tuple[Couch, ...]:
        """Every couch readout there is."""
        of_images = [image.couch_mm for image in (seen.image for seen in self.images)]
        of_volumes = [item.volume.couch_mm for item in self.sets if item.volume is not None]
        return tuple(one for one in (*of_images, *of_volumes) if one is not None)


@dataclass(frozen=True)
class Route:
    """All looks of one way of imaging, earliest first."""

    name: str
    looks: tuple[Look, ...]

    @property
    def first(self) -> Look:
        """The look before the correction."""
        return self.looks[0]

    @property
    def pair(self) -> tuple[Look, Look] | str:
        """The looks before and after the correction, or why they cannot be told."""
        if len(self.looks) < 2:
            return f"there is one {self.name} of this day: image again after the couch correction, and hand in both together"
        first, last = self.looks[0], self.looks[-1]
        if first.acquired is None or last.acquired is None or first.acquired == last.acquired:
            return "the files do not say which images were taken first: export them with date and time"
        if not same(first.couch_deg, last.couch_deg):
            return f"the couch stood at {first.couch_deg:.1f} degrees before and at {last.couch_deg:.1f} after: do not turn it in between"
        if (other := another(first.diameter_mm, last.diameter_mm)) is not None:
            return f"the ball is {other}: use one phantom before and after the correction"
        return first, last

    @property
    def missing(self) -> str:
        """What keeps every number of the route from passing: images that could not be measured, and hours between the looks."""
        lost = [look.missing for look in self.looks]
        return "; ".join(dict.fromkeys(filter(None, (*lost, apart(self.looks[0].acquired, self.looks[-1].acquired)))))


def another(one_mm: float | None, other_mm: float | None) -> str | None:
    """How wide two balls are, in words, where they cannot be one; None where they may be."""
    if one_mm is None or other_mm is None or abs(one_mm - other_mm) <= SAME_BALL_MM:
        return None
    return f"{one_mm:.1f} mm wide in one set of images and {other_mm:.1f} mm in another"


def apart(one: datetime | None, other: datetime | None) -> str:
    """Why two times are not those of one set-up; "" when they are, or when one of them is not known."""
    hours = abs((one - other).total_seconds()) / 3600 if one is not None and other is not None else 0.0
    return f"{hours:.0f} hours between the images: image everything in one go" if hours > LONG_H else ""


def routes(day: Day) -> tuple[Route, ...]:
    """Every route of the day."""
    pairs, mixed = [], []
    for item in day.of("kv"):
        partner = _crossing(item, day.of("mv")) if isinstance(item.position, OneDirection) else None
        if partner is None:
            pairs.append(_look(item))
        else:
            mixed.append(partner)
    named = {PAIR: pairs, MIXED: mixed, VOLUME: [_look(item) for item in day.of("cbct")]}
    return tuple(Route(name, tuple(sorted(looks, key=lambda one: one.acquired or LONG_AGO))) for name, looks in named.items() if looks)


def _look(item: ImagingSet) -> Look:
    flags = item.place.flags if item.place is not None else ()
    if item.volume is not None and item.volume.couch_deg is None:
        flags = (*flags, "the CBCT's files do not say at which angle the couch stood: 0 is taken")
    position = item.position
    if item.volume is not None and isinstance(position, BallPosition):
        position = ball_position.elsewhere(item.volume) or position
    return Look(position, item.images, item.couch_mm, item.couch_deg, item.acquired, item.missing, (item,), flags)


def _crossing(item: ImagingSet, megavolt: Sequence[ImagingSet]) -> Look | None:
    """One direction of kV with MV images of the same couch place that cross it; None where there are none."""
    for other in megavolt:
        if item.couch_mm is None or other.couch_mm is None or not same(item.couch_deg, other.couch_deg):
            continue
        if float(np.abs(np.subtract(item.couch_mm, other.couch_mm)).max()) > grouping.SAME_PLACE_MM:
            continue
        images = (*item.images, *other.images)
        position = ball_position.from_images(images)
        if isinstance(position, BallPosition):
            missing = "; ".join(filter(None, (item.missing, other.missing)))
            return Look(position, images, item.couch_mm, item.couch_deg, item.acquired, missing, (item, other), (TWO_IMAGERS,))
    return None


def place(look: Look) -> Found | str:
    """Where the ball is in a look, or why that is not known."""
    if isinstance(look.position, str):
        return "; ".join(filter(None, (str(look.position), look.missing)))
    return look.position.point_mm, dict(look.position.components), look.missing


def move(first: Look, last: Look) -> Found | str:
    """How the ball moved as seen; projections are compared at the same gantry angles alone, so that sag drops out."""
    missing = "; ".join(filter(None, (first.missing, last.missing)))
    if first.images and last.images:
        found = between(first.images, last.images)
        return "; ".join(filter(None, (found, missing))) if isinstance(found, str) else (*found, missing)
    start, end = place(first), place(last)
    if isinstance(start, str) or isinstance(end, str):
        return start if isinstance(start, str) else str(end)
    return end[0] - start[0], summed(start[1], end[1]), missing
