"""How a certified ball phantom tipped from the first extension to the others, in CBCT: docs/physics/couch_sag.md, section 7."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qa import ball_moves
from qa.ball_moves import Move, Scanned
from qa.couch_sag_heights import FOOT, FOOT_MM, Sag
from qa.couch_values import Found

PITCH, YAW = 3, 5  # of ball_moves.AXES
TURNED_DEG = 5.0  # a phantom set down the other way round turns its own wedge with it
NO_ATTITUDE = (
    "one ball has no attitude: scan a certified phantom of three balls or more by CBCT (--certificate FILE) to see the couch top tip"
)
SILENT = "the files hold no pitch readout: the couch is taken as not tilted between the scans"


@dataclass(frozen=True)
class Tipped:
    """The pitch at every stop but the first, or why it is not known."""

    stops: Mapping[int, Found | str]
    flags: tuple[str, ...] = ()


def tipped(found: Sag) -> Tipped | str:
    """The pitch of a pass, or why there is none."""
    if not found.system.scans:
        return NO_ATTITUDE
    if found.reason:
        return found.reason
    scans = {scan.volume.series_instance_uid: scan for scan in found.system.scans}
    others = (*found.known[1:], *found.tilted)
    first = _scan(found, found.known[0], scans)
    steps = ball_moves.steps([scan.readout for scan in found.system.scans])
    flags, stops = dict[str, None](), dict[int, Found | str]()
    for stop in others:
        move = ball_moves.move(first, _scan(found, stop, scans), steps)
        if isinstance(move, str):
            stops[stop] = move
            continue
        flags |= dict.fromkeys(move.flags)
        stops[stop] = _pitch(found, move)
        if isinstance(move.commanded.values[PITCH], str):
            flags[SILENT] = None
    return Tipped(stops, tuple(flags))


def _scan(found: Sag, stop: int, scans: Mapping[str, Scanned]) -> Scanned:
    volume = found.system.travel.stops.stops[stop].volume
    assert volume is not None
    return scans[volume.series_instance_uid]


def _pitch(found: Sag, move: Move) -> Found | str:
    """Measured minus read out, with the foot's share where the phantom was set down again."""
    if abs(float(move.values[YAW])) > TURNED_DEG:
        return f"the phantom lies turned by {move.values[YAW]:.0f} degrees from the first scan: set it down the same way round"
    said = move.commanded.values[PITCH]
    parts = {name: float(part[PITCH]) for name, part in move.parts.items()}
    if not isinstance(said, str):
        parts["couch pitch readout"] = float(move.commanded.u[PITCH])
    if found.anew:
        parts[FOOT] = math.degrees(FOOT_MM * math.sqrt(2.0) / _length(move))
    return Found(float(move.values[PITCH]) - (0.0 if isinstance(said, str) else said), {name: u for name, u in parts.items() if u > 0})


def _length(move: Move) -> float:
    """Of the phantom's body along the couch, mm: what it stands on."""
    assert not isinstance(move.scan.posed, str)
    body = move.scan.posed.certificate.body
    return float(body.size_mm[1] if body.shape == "cube" and len(body.size_mm) > 1 else np.min(body.size_mm))
