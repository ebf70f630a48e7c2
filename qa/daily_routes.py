"""The looks at a ball on one day, by the way it was imaged, in order of time: docs/physics/daily_igrt.md, section 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from qa import ball_position, grouping
from qa.angles import same
from qa.ball_day import LONG_AGO, Couch, Day, ImagingSet
from qa.ball_images import BallImage
from qa.ball_position import BallPosition, OneDirection

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
        return first, last


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
