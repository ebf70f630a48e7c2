"""The heights of a pass, and what a number may be compared within: docs/physics/couch_sag.md, sections 2 to 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa import frames
from qa.couch_sag_stops import SAME_EXTENSION_MM, Pass, System, distinct
from qa.couch_travel import budget

Array = NDArray[np.float64]
FOOT_MM = 0.1  # stated: of a phantom set down again on a cover with crumbs; set it down ten times in one place to know your own
FOOT = "foot of the phantom"


@dataclass(frozen=True)
class Sag:
    """What a pass shows. ``known`` are its stops whose height is known, least extended first (of one extension the earliest).

    ``height_mm`` (n,) and ``parts`` (n, n) are of all stops of the imaging system: z minus readout and named parts of the covariance, of
    which only differences mean anything. ``lost`` says of other stops why they are not known; ``tilted`` are those of them whose pitch
    readout changed. ``reason`` says why nothing is known, "" when all is well; ``doubts`` what keeps it from passing, ``flags`` what a
    reader should know; ``pitch_deg`` is the couch's pitch readout, None where there is none.
    """

    system: System
    taken: Pass
    known: tuple[int, ...]
    anew: bool
    height_mm: Array
    parts: Mapping[str, Array]
    lost: Mapping[int, str]
    reason: str = ""
    tilted: tuple[int, ...] = ()
    pitch_deg: float | None = None
    doubts: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def extension_mm(self) -> Array:
        """(n,) of all stops of the imaging system."""
        return self.system.extension_mm

    @property
    def rise_mm(self) -> Array:
        """Of every known stop above the first."""
        return np.array([self.height_mm[k] - self.height_mm[self.known[0]] for k in self.known])

    def row(self, weights: Mapping[int, float]) -> Array:
        """(n,): a difference of heights as a row."""
        row = np.zeros(len(self.height_mm))
        for stop, weight in weights.items():
            row[stop] += weight
        return row

    @property
    def lacks(self) -> tuple[str, ...]:
        """What keeps its numbers from passing, in words."""
        stops = self.system.travel.stops
        own = tuple(stops.stops[k] for k in self.taken.stops)
        lost = f"not measured: {', '.join(f'stop {k + 1}' for k in self.lost)}" if self.lost else ""
        return tuple(filter(None, (replace(stops, stops=own).missing, lost, *self.doubts)))

    @property
    def missing(self) -> str:
        """The same as one text."""
        return "; ".join(self.lacks)

    @property
    def couch_mm(self) -> tuple[Array, Array]:
        """Ball and readout of the known stops from the first one, (lateral, longitudinal, vertical) of the couch, (known, 3)."""
        travel, stops = self.system.travel, list(self.known)
        turn = frames.couch_turn(travel.stops.couch_deg)
        ball, readout = (places[stops] @ turn for places in (travel.moved_mm, travel.readout_mm))
        return ball - ball[0], readout - readout[0]

    def u_mm(self, one: int, other: int, without: str = "") -> float:
        """Standard uncertainty of the difference of two stops' heights, a named part left out."""
        parts = budget(self.row({one: -1.0, other: 1.0}), {name: part for name, part in self.parts.items() if name != without})
        return float(np.sqrt(sum(part**2 for part in parts.values())))


def setting(found: Sag) -> str:
    """What a number may be compared within, in words."""
    extension = found.extension_mm[list(found.known)]
    words = [
        "phantom set anew" if found.anew else "phantom travelling",
        f"{len(distinct(extension))} extensions, {tens(extension.min())} to {tens(extension.max())} mm",
    ]
    weights = found.taken.kilograms
    words += [f"{next(iter(weights)):g} kg"] if len(weights) == 1 else []
    return ", ".join(words)


def tens(extension_mm: float) -> int:
    """A readout to 10 mm: what is one extension from year to year."""
    return int(round(extension_mm / SAME_EXTENSION_MM) * SAME_EXTENSION_MM)


def stop_names(found: Sag, stops: Sequence[int]) -> dict[int, str]:
    """A name for every stop that stays the same from year to year: its readout, and "again" where it was come back to."""
    names: dict[int, str] = {}
    for k in stops:
        name = f"{tens(float(found.extension_mm[k]))} mm"
        while name in names.values():
            name += " again"
        names[k] = name
    return names
