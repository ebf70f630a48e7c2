"""The line or curve through the heights of a pass, and what the load adds: docs/physics/couch_sag.md, sections 5 and 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.ball_images import SAME_BALL_MM
from qa.ball_moves import SAME_DEG
from qa.couch_sag_checks import MOST_MM, REPEAT_MM, SURE_U
from qa.couch_sag_heights import FOOT, FOOT_MM, Sag
from qa.couch_sag_stops import SAME_EXTENSION_MM, distinct
from qa.couch_stops import Stops
from qa.couch_travel import budget
from qa.couch_values import Found

Array = NDArray[np.float64]
UNIT_MM = 100.0  # of the extension in the model
FELT_U = 2.0  # a lowering above that many u is one
CURVED = 4  # extensions that a curve needs so that something is left over to judge it by
FREE = "as many extensions as the model has numbers, so it fits whatever the couch did: image the ball at one more"
NO_CURVE = "three extensions fix a straight line and no curve: image the ball at four or more"


@dataclass(frozen=True)
class Model:
    """z(e) = sum of ``coefficients`` (2 or 3) times powers of (e - first)/100 mm over the known stops of a pass.

    ``rows`` (2 or 3, n) give the coefficients from the heights of all stops, ``left`` (known, n) what they leave over of every known stop.
    """

    coefficients: Array
    rows: Array
    left: Array
    freedom: int
    start_mm: float

    def at(self, extension_mm: Array) -> Array:
        """Height at extensions."""
        powers = np.vander((extension_mm - self.start_mm) / UNIT_MM, len(self.coefficients), increasing=True)
        return np.asarray(powers @ self.coefficients)


def model(found: Sag) -> Model:
    """Least squares, every stop alike."""
    known = list(found.known)
    extension = found.extension_mm[known]
    count = len(distinct(extension))
    powers = np.vander((extension - extension[0]) / UNIT_MM, 3 if count >= CURVED else 2, increasing=True)
    rise = np.zeros((len(known), len(found.height_mm)))
    for j, k in enumerate(known):
        rise[j, k] += 1.0
        rise[j, known[0]] -= 1.0
    inverse = np.linalg.pinv(powers)
    rows = inverse @ rise
    left = rise - powers @ rows
    return Model(rows @ found.height_mm, rows, left, len(known) - powers.shape[1], float(extension[0]))


def value(found: Sag, row: Array) -> Found:
    """A difference of heights with its budget."""
    return Found(float(row @ found.height_mm), {name: u for name, u in budget(row, found.parts).items() if u > 0})


def largest(found: Sag) -> tuple[int, Found]:
    """The stop that is furthest from the first in height, and its sag: positive where it sank."""
    stop = found.known[int(np.abs(found.rise_mm).argmax())]
    return stop, value(found, found.row({stop: -1.0, found.known[0]: 1.0}))


def residual(found: Sag, fitted: Model) -> Found | str:
    """The largest distance of a stop from the model, or why there is none."""
    if fitted.freedom < 1:
        return FREE
    left = fitted.left @ found.height_mm
    row = fitted.left[int(np.abs(left).argmax())]
    return value(found, row if row @ found.height_mm > 0 else -row)


@dataclass(frozen=True)
class Added:
    """What the load adds at every common extension: pairs of stops (unloaded, loaded), least extended first, and lowering as numbers.

    ``unfelt`` says that nothing shows a load at all; then the loaded pass may be of an empty couch.
    """

    pairs: tuple[tuple[int, int], ...]
    lowering: tuple[Found, ...]
    missing: str
    unfelt: str = ""


def added(unloaded: Sag, loaded: Sag) -> Added | str:
    """The loaded pass against the unloaded one of the same imaging system, or why they do not compare."""
    for one in (unloaded, loaded):
        if one.reason:
            return f"{one.taken.name}: {one.reason}"
    stops, extension = unloaded.system.travel.stops, unloaded.extension_mm
    if other := _other_ball(stops, unloaded, loaded):
        return other
    if unloaded.anew != loaded.anew:
        how = {False: "travels with the couch", True: "is set anew at every stop"}
        return (
            f"the phantom {how[unloaded.anew]} in the unloaded pass and {how[loaded.anew]} in the loaded one, and those are heights of "
            "different places of the couch top: carry it the same way in both"
        )
    if abs((unloaded.pitch_deg or 0.0) - (loaded.pitch_deg or 0.0)) > SAME_DEG:
        told = f"{unloaded.pitch_deg or 0.0:.2f} degrees in the unloaded pass and {loaded.pitch_deg or 0.0:.2f} in the loaded one"
        return f"the couch's pitch readout is {told}: level the couch the same way in both"
    pairs: list[tuple[int, int]] = []
    for group in distinct(extension[list(unloaded.known)]):
        first = unloaded.known[min(group)]
        near = [k for k in loaded.known if abs(extension[k] - extension[first]) <= SAME_EXTENSION_MM]
        pairs += [(first, near[0])] if near else []
    if not pairs:
        return "the unloaded and the loaded pass have no extension in common: drive to the same longitudinal readouts in both"
    parts: Mapping[str, Array] = {**unloaded.parts, **loaded.parts, FOOT: np.eye(len(extension)) * FOOT_MM**2}
    both = replace(unloaded, parts=parts)
    found = tuple(value(both, both.row({empty: 1.0, full: -1.0})) for empty, full in pairs)
    own = tuple(stops.stops[k] for k in (*unloaded.taken.stops, *loaded.taken.stops))
    reasons = [replace(stops, stops=own).missing, *unloaded.lacks, *loaded.lacks]
    if (most := max(abs(one.value) for one in found)) > MOST_MM:
        reasons.append(f"no load lowers a couch top by {most:.0f} mm: was the phantom set on something else?")
    raised = min(found, key=lambda one: one.value)
    if raised.value < -max(REPEAT_MM, SURE_U * _u(raised)):
        reasons.append("the couch is higher with the load than without: are the words swapped, or was the phantom moved?")
    reasons.append(unfelt := _unfelt(found))
    return Added(tuple(pairs), found, "; ".join(dict.fromkeys(filter(None, reasons))), unfelt)


def _u(found: Found) -> float:
    return float(np.hypot.reduce(list(found.budget.values())))


def _unfelt(lowering: Sequence[Found]) -> str:
    """Why it is not known that there was a load; "" when the couch is lower with it somewhere by more than 2 u."""
    if any(one.value > FELT_U * _u(one) for one in lowering):
        return ""
    most = max(lowering, key=lambda one: one.value)
    return (
        f"the couch is lower with the load by {most.value:+.2f} mm at most, which U = {FELT_U * _u(most):.2f} mm does not tell from none: "
        "was the load on, and off in the unloaded pass?"
    )


def _other_ball(stops: Stops, *passes: Sag) -> str:
    """Why the passes show two balls; "" when they do not."""
    widths = [[width for k in one.known for width in stops.stops[k].diameters_mm] for one in passes]
    first, last = (float(np.median(width)) if width else 0.0 for width in widths)
    if abs(first - last) <= SAME_BALL_MM:
        return ""
    return f"the passes show balls of {first:.1f} and {last:.1f} mm: take the same phantom, on the same place of the couch, in both"
