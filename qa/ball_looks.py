"""The looks at a ball on one day, by the way it was imaged, in order of time, and how the ball moved between two of them.

Physics: docs/physics/daily_igrt.md, sections 1 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa import ball_position, grouping
from qa.acquisition import Acquisition
from qa.angles import same
from qa.ball_day import LONG_AGO, Couch, Day, ImagingSet, couch_place, first_time
from qa.ball_images import SAME_BALL_MM, BallImage
from qa.ball_position import BallPosition, OneDirection, between, summed
from qa.ball_torn import torn, torn_within
from qa.couch_move import LONG_H, SILENT_ANGLE

if TYPE_CHECKING:
    from qa.ball_moves import Scanned

Array = NDArray[np.float64]
Found = tuple[Array, dict[str, Array], str]  # vector (3,) mm, named covariances, what is missing
PAIR, MIXED, VOLUME = "kV pair", "MV-kV pair", "CBCT"
SEVERAL = {
    "kv": "of a phantom of several balls take CBCTs, with its certificate (--certificate FILE)",
    "cbct": "a phantom of several balls needs its certificate (--certificate FILE)",
}
UNDATED = "the files do not say which images were taken first: export them with date and time"
TWO_IMAGERS = "kV and MV imager are taken for one system here"


class Unfit(str):
    """Why images cannot be used with this phantom at all."""


@dataclass(frozen=True)
class Look:
    """The ball in one imaging system's coordinates with the couch in one place, or why it is not known; ``sets`` are what it is from.

    ``scan`` is the scan of a certified phantom of several balls, of which the ball is the target.
    """

    position: BallPosition | str
    images: tuple[BallImage, ...]
    couch_mm: Couch | None
    couch_deg: float
    acquired: datetime | None
    missing: str
    sets: tuple[ImagingSet, ...]
    flags: tuple[str, ...] = ()
    scan: Scanned | None = None

    @property
    def diameter_mm(self) -> float | None:
        """The ball's own diameter as it shows here, None when it does not."""
        return self.sets[0].diameter_mm

    @property
    def times(self) -> tuple[datetime, ...]:
        """When each image and volume of it was taken, as far as the files say; those at other couch angles are of other tests."""
        others = [item for part in self.sets for item, _ in part.unseen]
        volumes = [part.volume for part in self.sets if part.volume is not None]
        return tuple(item.acquired for item in (*(seen.image for seen in self.images), *others, *volumes) if item.acquired is not None)

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
        """The look before any correction."""
        return self.looks[0]

    @property
    def steps(self) -> tuple[tuple[Look, Look] | str, ...]:
        """Every look with the next one, between which a correction was made, or why they cannot be compared."""
        if refused := next((look.position for look in self.looks if isinstance(look.position, Unfit)), None):
            return (str(refused),)
        if len(self.looks) < 2:
            return (f"there is one {self.name} of this day: image again after the couch correction, and hand in both together",)
        times = [look.acquired for look in self.looks]
        if None in times or len(set(times)) < len(times):
            return (UNDATED,) * (len(self.looks) - 1)
        return tuple(_unlike(first, last) or (first, last) for first, last in pairwise(self.looks))

    @property
    def missing(self) -> str:
        """What keeps every number of the route from passing: images that could not be measured or contradict each other, and hours."""
        lost = [look.missing for look in self.looks]
        lost += [_nowhere(look) for look in self.looks if len(self.looks) > 1]
        apart_ = [torn_within(look.images) for look in self.looks]
        apart_ += [torn(first.images, last.images) for first, last in pairwise(self.looks)]
        times = [time for look in self.looks for time in look.times]
        hours = apart(min(times), max(times)) if times else ""
        return "; ".join(dict.fromkeys(filter(None, (*lost, *apart_, hours))))


def _unlike(first: Look, last: Look) -> str:
    """Why two looks are not those before and after one correction; "" when they may be."""
    if not same(first.couch_deg, last.couch_deg) and first.scan is None:
        return f"the couch stood at {first.couch_deg:.1f} degrees before and at {last.couch_deg:.1f} after: do not turn it in between"
    if (other := another(first.diameter_mm, last.diameter_mm)) is not None:
        return f"the ball is {other}: use one phantom before and after the correction"
    return ""


def _nowhere(look: Look) -> str:
    """Which look does not tell where the ball was; "" when it does."""
    if not isinstance(look.position, str):
        return ""
    when = f" of {look.acquired:%H:%M}" if look.acquired is not None else ""
    return f"where the ball was is not known of the {' and '.join(item.name for item in look.sets)}{when}: {look.position}"


def another(one_mm: float | None, other_mm: float | None) -> str | None:
    """How wide two balls are, in words, where they cannot be one; None where they may be."""
    if one_mm is None or other_mm is None or abs(one_mm - other_mm) <= SAME_BALL_MM:
        return None
    return f"{one_mm:.1f} mm wide in one set of images and {other_mm:.1f} mm in another"


def apart(one: datetime | None, other: datetime | None) -> str:
    """Why two times are not those of one set-up; "" when they are, or when one of them is not known."""
    hours = abs((one - other).total_seconds()) / 3600 if one is not None and other is not None else 0.0
    return f"{hours:.0f} hours between the images: image everything in one go" if hours > LONG_H else ""


def angles_deg(acquisition: Acquisition) -> tuple[float, ...]:
    """The couch angles of the kV images and volumes: beams at others have nothing to be compared with."""
    of_volumes = [0.0 if volume.couch_deg is None else volume.couch_deg for volume in acquisition.volumes]
    return tuple(dict.fromkeys([*(image.couch_deg for image in acquisition.images if image.radiation == "kV"), *of_volumes]))


def unfit(acquisition: Acquisition, reason: str) -> tuple[Look, ...]:
    """The kV images of the day as one look that says why they cannot be used; none where there are no kV images."""
    images = [image for image in acquisition.images if image.radiation == "kV"]
    if not images:
        return ()
    unseen = tuple((image, reason) for image in images)
    stood, angle, taken = couch_place(images), images[0].couch_deg, first_time(images)
    item = ImagingSet("kv", (), unseen, reason, stood, angle, taken, name="kV")
    return (Look(Unfit(reason), (), stood, angle, taken, "", (item,)),)


def routes(day: Day, certified: Sequence[Look] = (), refused: Sequence[Look] = ()) -> tuple[Route, ...]:
    """Every route of the day; ``certified`` are looks at a phantom of several balls, ``refused`` kV looks that do not fit it."""
    pairs, mixed = list(refused), []
    for item in day.of("kv"):
        partner = _crossing(item, day.of("mv")) if isinstance(item.position, OneDirection) else None
        if partner is None:
            pairs.append(_look(item))
        else:
            mixed.append(partner)
    if mixed:
        mixed += [_uncrossed(look) for look in pairs if isinstance(look.position, OneDirection)]
        pairs = [look for look in pairs if not isinstance(look.position, OneDirection)]
    named = {PAIR: pairs, MIXED: mixed, VOLUME: [*certified, *(_look(item) for item in day.of("cbct"))]}
    return tuple(Route(name, tuple(sorted(looks, key=lambda one: one.acquired or LONG_AGO))) for name, looks in named.items() if looks)


def _look(item: ImagingSet) -> Look:
    flags = item.place.flags if item.place is not None else ()
    if item.volume is not None and item.volume.couch_deg is None:
        flags = (*flags, SILENT_ANGLE)
    position = item.position
    if item.volume is not None and isinstance(position, BallPosition):
        position = ball_position.elsewhere(item.volume) or position
    elif isinstance(position, str) and not item.images:
        position = f"{position}; {SEVERAL[item.kind]}"
    return Look(position, item.images, item.couch_mm, item.couch_deg, item.acquired, item.missing, (item,), flags)


def _uncrossed(look: Look) -> Look:
    """A look at one direction in a day whose other looks are MV-kV pairs: what it lacks."""
    gantry = ", ".join(f"{round(seen.image.gantry_deg) % 360}" for seen in look.images)
    when = f" of {look.acquired:%H:%M}" if look.acquired is not None else ""
    reason = (
        f"the kV image at gantry {gantry}{when} has no MV image beside it that crosses it: the ball's place along its beam is not known; "
        "take a MV image about 90 degrees from it before and after the correction"
    )
    return replace(look, position=reason)


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
        if not isinstance(found, str):
            return (*found, missing)
        unknown = next((look.position for look in (first, last) if isinstance(look.position, str)), found)
        return "; ".join(filter(None, (str(unknown), missing)))
    start, end = place(first), place(last)
    if isinstance(start, str) or isinstance(end, str):
        return start if isinstance(start, str) else str(end)
    return end[0] - start[0], summed(start[1], end[1]), missing
