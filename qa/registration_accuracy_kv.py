"""How one ball moved from a kV pair before a correction to one after it, and what was proposed and is known of that.

Physics: docs/physics/registration_accuracy.md, section 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa import ball_day, ball_looks, ball_moves
from qa.acquisition import Acquisition, Image
from qa.ball_day import Day
from qa.ball_looks import Look, Route, another
from qa.ball_moves import SAME_MM, Readout
from qa.ball_position import BallPosition
from qa.ball_torn import torn
from qa.registration_accuracy_proposed import Stated, by_couch, by_object, of_images
from qa.registration_accuracy_values import NO_OBJECT, at_point

Array = NDArray[np.float64]
RECEPTOR = "receptor position"
OF_THE_BALL = "the shift is that of the ball, not that of the point at the isocentre"
UNNAMED = "no certificate of the phantom was handed in: nobody states which ball this is"


@dataclass(frozen=True)
class Shifted:
    """From one pair to the other: where the ball went (3,), named covariances (3, 3), what was proposed and is known of the ball's move.

    ``missing`` is what keeps every number from passing.
    """

    found_mm: Array
    components: dict[str, Array]
    proposed: Stated | str
    known: Stated | str
    missing: str
    flags: tuple[str, ...]


def images(acquisition: Acquisition) -> tuple[Image, ...]:
    """The kV images of a day."""
    return tuple(image for image in acquisition.images if image.radiation == "kV")


def looked(acquisition: Acquisition) -> tuple[Day, tuple[Route, ...]]:
    """The ball in every kV image, and in every place of the couch."""
    day = ball_day.day(replace(acquisition, images=images(acquisition), volumes=(), registrations=()))
    return day, ball_looks.routes(day)


def shifted(acquisition: Acquisition, routes: Sequence[Route]) -> Shifted | str:
    """What the two pairs say; or why nothing."""
    if reason := _unread(images(acquisition)) or _not_two(routes):
        return reason
    (route,) = routes
    if reason := _lost(route):
        return reason
    (pair,) = route.steps
    if isinstance(pair, str):
        return pair
    first, last = pair
    if reason := _mingled(first, last) or _certified(acquisition, pair) or torn(first.images, last.images):
        return reason
    moved = ball_looks.move(first, last)
    if isinstance(moved, str):
        return moved
    vector, components, lost = moved
    assert isinstance(first.position, BallPosition)
    said, known = _said(acquisition, first, last)
    here = first.position.point_mm
    flags = [OF_THE_BALL]
    flags += [flag for look in pair for flag in (*look.flags, *(f for seen in look.images for f in seen.flags))]
    flags += [] if acquisition.certificate else [UNNAMED]
    missing = "; ".join(dict.fromkeys(filter(None, (lost, route.missing, _crept(first), _crept(last)))))
    proposed, kept = (one if isinstance(one, str) else at_point(one, here, first.position.covariance) for one in (said, known))
    return Shifted(vector, components, proposed, kept, missing, tuple(dict.fromkeys(flags)))


def _unread(taken: Sequence[Image]) -> str:
    """Which images do not say when they were taken, or where the couch stood."""
    if silent := [image.name for image in taken if image.couch_mm is None]:
        return (
            f"{', '.join(silent)}: the files do not tell where the couch stood, so nobody knows which images are of one pair: export them "
            "with the couch position"
        )
    if undated := [image.name for image in taken if image.acquired is None]:
        return f"{', '.join(undated)}: the files do not say which images were taken first: export them with date and time"
    return ""


def _not_two(routes: Sequence[Route]) -> str:
    """Why the couch places are not one before and one after."""
    if len(routes) != 1:
        return "there are no kV images of a ball before and after a couch correction: take a pair of each"
    looks = routes[0].looks
    if len(looks) == 2:
        return ""
    why = [str(look.position) for look in looks if isinstance(look.position, str)]
    said = "one place" if len(looks) == 1 else f"{len(looks)} places"
    what = (
        f"the kV images are of {said} of the couch, by its readouts: hand in those of one pair before and one pair after the correction, "
        "and do not move the couch within a pair"
    )
    return "; ".join(dict.fromkeys((what, *why)))


def _lost(route: Route) -> str:
    """Why the ball's place is not known before, or after."""
    found = [ball_looks.place(look) for look in route.looks]
    return "; ".join(f"{when}: {one}" for when, one in zip(("before", "after"), found, strict=True) if isinstance(one, str))


def _of(look: Look) -> list[Image]:
    """Every image of a look, those without a ball too."""
    others = [item for part in look.sets for item, _ in (*part.unseen, *part.turned)]
    return [*(seen.image for seen in look.images), *(item for item in others if isinstance(item, Image))]


def _mingled(first: Look, last: Look) -> str:
    """Why the one pair was not taken before the other."""
    ends, starts = ([image.acquired for image in _of(look) if image.acquired is not None] for look in (first, last))
    if max(ends) < min(starts):
        return ""
    return "the images of the two couch places were taken in turns, by their times: take one pair, correct, then take the other"


def _certified(acquisition: Acquisition, pair: tuple[Look, Look]) -> str:
    """Why the certificate handed in is not that of this ball; without one there is nothing to hold it against."""
    paper = acquisition.certificate
    if paper is None:
        return ""
    if len(paper.balls) > 1:
        return (
            f"the certificate of {paper.title} has {len(paper.balls)} balls, and which of them a kV image shows is not told: use a phantom "
            "of one ball for kV pairs, or scan this one by CBCT before and after"
        )
    for look in pair:
        if reason := paper.not_in_force(look.acquired):
            return reason
        if (other := another(paper.balls[0].diameter_mm, look.diameter_mm)) is not None:
            return f"the ball of the certificate ({paper.title}) and that of the images: {other}; hand in the certificate of this phantom"
    return ""


def _crept(look: Look) -> str:
    """That the couch moved within a pair, by its readouts; less than that is their scatter."""
    far = float(np.ptp(np.array(look.readouts_mm), axis=0).max())
    return f"the couch's readouts differ by {far:.2f} mm within one pair: do not move it within a pair" if far > SAME_MM else ""


def _said(acquisition: Acquisition, first: Look, last: Look) -> tuple[Stated | str, Stated | str]:
    """What was proposed, and what else is known, of the motion of the point at the isocentre."""
    start, end = _readout(first), _readout(last)
    every = [ball_moves.readout(seen.image) for look in (first, last) for seen in look.images]
    couch = by_couch(ball_moves.commanded(start, end, np.zeros(6), ball_moves.steps(every)))
    if not acquisition.registrations:
        return couch, NO_OBJECT
    before, after = (of_images([seen.image for seen in look.images]) for look in (first, last))
    if isinstance(before, str) or isinstance(after, str):
        return (before if isinstance(before, str) else str(after)), couch
    return by_object(before, after, acquisition.registrations), couch


def _readout(look: Look) -> Readout:
    """Where the couch stood: the mean of its readouts, the angles of the first image."""
    one = ball_moves.readout(look.images[0].image)
    x, y, z = np.mean(np.array(look.readouts_mm), axis=0).tolist()
    return replace(one, mm=(x, y, z))
