"""What of a pass is refused, and what keeps it from passing: docs/physics/couch_sag.md, sections 3, 4 and 9."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qa.couch_sag_heights import FOOT, Sag
from qa.couch_sag_stops import FEWEST_EXTENSIONS, RANGE_MM, distinct

Array = NDArray[np.float64]
FOLLOWS_MM, FOLLOWS = 5.0, 0.02  # a ball that travels is this near to its readout; a readout's scale is off by less
STAYS_MM = 25.0  # a phantom set anew at the isocentre by lasers or marks
MOVED_MM, MOVED = 2.0, 0.01  # a travelling ball further off its readout than both was moved
REPEAT_MM, SURE_U = 0.3, 3.0  # a height that does not repeat by more than both
SECOND_MM, SECOND = 0.15, 0.05  # two ways to a height; the second one leaves the magnification out
MOST_MM = 20.0  # no couch top sags by that
LEFT_ALONE_MM = 5.0  # of the vertical readout: more is a move on purpose
FAR = 3.0  # times the readout


def short(found: Sag) -> str:
    """Why the stops do not show how the couch top hangs."""
    if not found.known:
        return next(iter(found.lost.values()), "the ball was seen at no stop of this pass")
    extension = found.extension_mm[list(found.known)]
    count, span = len(distinct(extension)), float(np.ptp(extension))
    if count >= FEWEST_EXTENSIONS and span >= RANGE_MM:
        return ""
    went = float(np.ptp(_along(found)))
    unit = f"; the ball went {went:.0f} mm: is the readout in cm?" if went > FAR * max(span, 1.0) and span > 0 else ""
    why = f" ({'; '.join(dict.fromkeys(found.lost.values()))})" if found.lost else ""
    return (
        f"{count} extension(s) over {span:.1f} mm, at least {FEWEST_EXTENSIONS} over {RANGE_MM:.0f} mm are needed: image the ball "
        f"with the couch further out too{unit}{why}"
    )


def _along(found: Sag) -> Array:
    return found.couch_mm[0][:, 1]


def follows(found: Sag) -> bool:
    """Whether the ball travels with the readout at every stop."""
    ball, readout = found.couch_mm
    return bool((np.abs(ball[:, 1] - readout[:, 1]) <= FOLLOWS_MM + FOLLOWS * np.abs(readout[:, 1])).all())


def way(found: Sag) -> str:
    """Why it is neither a phantom that travels nor one that was set anew at every stop."""
    along, readout = _along(found), found.couch_mm[1][:, 1]
    if follows(found) or np.ptp(along) <= STAYS_MM:
        return ""
    slope = float(along @ readout / (readout @ readout))
    if abs(slope + 1) < FOLLOWS * 10:
        return "the ball moves the other way than the longitudinal readout says: the vendor's sign, or images of two places are swapped"
    said = ", ".join(f"{a:+.0f} of {r:.0f}" for a, r in zip(along[1:], readout[1:], strict=True))
    return (
        f"the ball neither travels with the couch nor stays near the isocentre at every stop (it went {said} mm): leave the phantom "
        "where it is, or set it anew at every extension, in all of a pass"
    )


def moved(found: Sag) -> str:
    """Which stop shows that a travelling phantom was moved on the couch."""
    ball, readout = found.couch_mm
    off = np.abs(ball - readout)[:, :2]
    far = off.max(axis=1) - MOVED * np.abs(readout[:, 1])
    worst = int(far.argmax())
    if far[worst] <= MOVED_MM:
        return ""
    return (
        f"at stop {found.known[worst] + 1} the ball is {off[worst].max():.1f} mm off the readout, sideways or along: the phantom was "
        "moved on the couch, or the couch does not follow its readout (test its translation); take the pass again"
    )


def repeats(found: Sag) -> str:
    """Which extension was imaged twice with different heights."""
    known, extension = list(found.known), found.extension_mm
    for one, other in ((known[i], known[j]) for group in distinct(extension[known]) for i, j in combinations(sorted(group), 2)):
        apart = float(found.height_mm[other] - found.height_mm[one])
        if abs(apart) > max(REPEAT_MM, SURE_U * found.u_mm(one, other)):
            return (
                f"at {extension[one]:.0f} mm the ball's height differs by {apart:+.2f} mm between stop {one + 1} and stop {other + 1}: the "
                "phantom was moved or settled, or the load was changed; say loaded or unloaded in the image label or the folder's name, "
                "and take the pass again"
            )
    return ""


def two_ways(found: Sag) -> str:
    """Which stop two ways see at different heights."""
    first, rise = found.known[0], found.system.second_mm - found.system.travel.readout_mm[:, 2]
    for k in found.known[1:]:
        seen, other = found.height_mm[k] - found.height_mm[first], rise[k] - rise[first]
        if np.isfinite(other) and abs(seen - other) > max(SECOND_MM, SURE_U * found.u_mm(first, k, FOOT), SECOND * abs(seen)):
            return (
                f"two ways to the height of stop {k + 1} differ, {seen:+.2f} and {other:+.2f} mm: images of two places are swapped or "
                "another thing pulls on the ball; look at the images and take them again"
            )
    return ""


def doubts(found: Sag) -> tuple[str, ...]:
    """What can fail and never pass."""
    said = []
    if not found.taken.load:
        said.append("nobody says whether the couch was loaded: write loaded or unloaded in the image label or the folder's name")
    if not found.system.travel.stops.timed:
        said.append("the files do not say when they were taken, so nobody knows whether it was in one go: export them with date and time")
    first, rise = found.known[0], found.system.second_mm
    if blind := [k + 1 for k in found.known[1:] if not np.isfinite(rise[k] - rise[first])]:
        said.append(f"no second way to the height of stop {', '.join(map(str, blind))}: take the same two directions at every stop")
    if (most := float(np.abs(found.rise_mm).max())) > MOST_MM:
        said.append(f"a height of {most:.0f} mm is no sag: another phantom, another place under it, or a vertical readout in cm")
    return tuple(said)


def flags(found: Sag) -> tuple[str, ...]:
    """What a reader should know."""
    rise = found.rise_mm
    worst = int(np.abs(rise).argmax())
    seen = [ball for k in found.known for ball in found.system.travel.stops.stops[k].images]
    told = dict.fromkeys(flag for ball in seen for flag in ball.flags if flag.startswith(("the file", "no ball")))
    if worst and rise[worst] > SURE_U * found.u_mm(found.known[0], found.known[worst]) and rise[worst] > REPEAT_MM:
        told["the couch top is higher where it is extended further: does the longitudinal readout grow away from the gantry?"] = None
    if (driven := float(np.ptp(found.couch_mm[1][:, 2]))) > LEFT_ALONE_MM:
        told[f"the vertical was driven by {driven:.1f} mm: its sign and scale are in the heights"] = None
    return tuple(told)
