"""Images of the demonstration's ball by an ordinary machine with the couch in several places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from phantoms import rtimage
from phantoms.examples import DEMONSTRATION_BALL
from phantoms.linac import Exposure, Linac, Shot, expose

PAUSE = timedelta(minutes=5)


@dataclass(frozen=True)
class Leg:
    """Images from these gantry angles with the couch in one place, which is (x, y, z) mm from where it starts."""

    name: str
    machine: Linac
    gantry_deg: Sequence[float]
    travel_mm: tuple[float, float, float]


def write(
    folder: Path, legs: Sequence[Leg], rng: np.random.Generator, seed: int, say: Callable[[str], None], pause: timedelta = PAUSE
) -> tuple[list[Path], datetime]:
    """A folder per leg, in order of time, with ``truth.json`` beside the images; the files, and when the next leg would begin."""
    paths: list[Path] = []
    start = rtimage.FIRST_EXPOSURE
    for leg in legs:
        exposures: list[Exposure] = []
        for gantry in leg.gantry_deg:
            exposures += expose(leg.machine, DEMONSTRATION_BALL, [Shot(gantry_deg=gantry, travel_mm=leg.travel_mm)], rng)
            say(f"drawing: {leg.name}, gantry {gantry:.0f}")
        paths += rtimage.write(exposures, folder / leg.name, seed=seed, start=start)
        start += pause
    return paths, start
