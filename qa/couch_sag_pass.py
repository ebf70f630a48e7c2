"""One pass: how high the couch was at every stop, what that is worth, or why it cannot be said.

Physics: docs/physics/couch_sag.md, sections 3, 4 and 8.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qa import ball_moves, frames
from qa import couch_sag_checks as checks
from qa.ball_moves import SAME_DEG, TILTED_DEG
from qa.couch_move import COUCH_GAIN
from qa.couch_sag_heights import FOOT, FOOT_MM, Sag
from qa.couch_sag_stops import Pass, System, distinct
from qa.couch_stops import Stop

Array = NDArray[np.float64]
TURNED_DEG = 1.0  # a couch at 0 reads 359.8 to 0.2


def sag(system: System, taken: Pass) -> Sag:
    """The heights of a pass."""
    travel = system.travel
    tilts = {k: _pitch(travel.stops.stops[k]) for k in taken.stops}
    level = {k: tilt for k, tilt in tilts.items() if isinstance(tilt, float)}
    known = [k for k in taken.stops if travel.known[k]]
    extension = system.extension_mm
    order = [known[j] for group in distinct(extension[known]) for j in sorted(group)] if known else []
    start = next((level[k] for k in order if k in level), None)
    lost = {k: travel.reasons[k] for k in taken.stops if not travel.known[k]} | {k: t for k, t in tilts.items() if isinstance(t, str)}
    tilted: tuple[int, ...] = ()
    if start is not None:
        tilted = tuple(k for k in order if k in level and abs(level[k] - start) > SAME_DEG)
    lost |= {k: _repitched(level[k], start or 0.0) for k in tilted}
    order = [k for k in order if k not in lost]
    height = travel.error_mm[:, 2].copy()
    parts = {name: part[2::3, 2::3] for name, part in travel.error_components.items()}
    found = Sag(system, taken, tuple(order), False, height, parts, lost, tilted=tilted, pitch_deg=start)
    if reason := _turned(system) or travel.doubt or checks.short(found) or _pitched(start) or checks.way(found):
        return replace(found, reason=reason)
    anew = not checks.follows(found)
    vertical = travel.readout_mm[:, 2]
    parts["readout gain"] = COUCH_GAIN**2 * np.outer(vertical, vertical)
    along = extension * np.tan(np.radians(start or 0.0)) / np.sqrt(3.0)
    parts["couch pitch"] = np.outer(along, along)
    if anew:
        parts[FOOT] = np.eye(len(height)) * FOOT_MM**2
    found = replace(found, anew=anew, parts=parts)
    reason = ("" if anew else checks.moved(found)) or checks.repeats(found) or checks.two_ways(found)
    return replace(found, reason=reason, doubts=checks.doubts(found), flags=checks.flags(found))


def _pitch(stop: Stop) -> float | str | None:
    """The couch's pitch at a stop, None when the files do not tell, or why the stop does not count."""
    items = [*(ball.image for ball in stop.images), *((stop.volume,) if stop.volume is not None else ())]
    found = [pitch for item in items if (pitch := ball_moves.number(item.tags.get(ball_moves.TILT[0], ""))) is not None]
    if not found:
        return None
    found = [frames.angle_difference(pitch, 0.0) for pitch in found]
    if max(found) - min(found) > SAME_DEG:
        return f"the couch's pitch readout went from {min(found):.2f} to {max(found):.2f} degrees within the stop: leave it alone"
    return float(np.mean(found))


def _repitched(pitch: float, start: float) -> str:
    return (
        f"the couch's pitch readout is {pitch:.2f} degrees here and {start:.2f} at the first stop: what that does to the height depends on "
        "the point it tilts about; leave the pitch alone"
    )


def _turned(system: System) -> str:
    """Why a turned couch is not measured: a phantom then comes nearer to the source as the couch goes out, or lies across."""
    angle = system.travel.stops.couch_deg
    return (
        "" if abs(frames.angle_difference(angle, 0.0)) <= TURNED_DEG else f"the couch was turned to {angle:.1f} degrees: take them all at 0"
    )


def _pitched(start: float | None) -> str:
    if start is None or abs(start) <= TILTED_DEG:
        return ""
    return f"the couch was pitched by {start:.2f} degrees, so it may climb as it goes: level it and take the images again"
