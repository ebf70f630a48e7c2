"""How far a couch went from one readout to another, in F, and how well a readout says it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import frames

Array = NDArray[np.float64]
Couch = tuple[float, float, float]
LONG_H = 3.0  # one set-up is imaged in minutes; in hours a phantom is taken away and set up anew
SILENT_ANGLE = "the CBCT's files do not say at which angle the couch stood: 0 is taken"
COUCH_MM = 0.03  # couch readouts of a couch that does not move scatter by this; a smaller difference may be all scatter
COUCH_RESOLUTION_MM = 0.005  # a readout has at least two decimals
COUCH_GAIN = 0.01  # relative: real couches moved by 3 mm showed 1.0033 and 1.0019 of their readout


@dataclass(frozen=True)
class Move:
    """How far the couch went (x, y, z in F, mm), and its standard uncertainty; ``source`` is "readout", "stated" or "same images".

    ``said`` is what a reader should know of it.
    """

    vector_mm: Array
    u_mm: Array
    source: str = "readout"
    said: str = ""


def couch_move(start: Couch, end: Couch, couch_deg: float) -> Move:
    """From one couch readout to another, in F; lateral, longitudinal and vertical are x, y, z of a couch at 0 degrees."""
    difference = np.subtract(end, start)
    apart = np.abs(difference)
    u = np.sqrt(np.minimum(apart, COUCH_MM) ** 2 + (COUCH_GAIN * apart) ** 2 + COUCH_RESOLUTION_MM**2)
    turn = frames.couch_turn(couch_deg)
    return Move(turn @ difference, np.sqrt(turn**2 @ u**2))
