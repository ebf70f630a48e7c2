"""An ordinary monthly check of the couch: a ball in MV images from two sides at every place, one place come to from both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from phantoms.aperture import Leaves
from phantoms.examples import typical
from qa.ball_legs_demonstration import Leg, write

SEED = 6  # any: the demonstration is the same for everybody
PLACES_MM = ((-5, 0, 0), (0, 0, 0), (5, 0, 0), (0, 0, 0), (0, 5, 0), (0, 0, 5))  # a field of 40 mm holds the ball at all of them
PAUSE = timedelta(minutes=1)


def files(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Twelve images as DICOM with their truth."""
    machine = replace(typical(), aperture=Leaves(40.0, 40.0))
    legs = [Leg(f"place_{k}", machine, (0.0, 270.0), (float(x), float(y), float(z))) for k, (x, y, z) in enumerate(PLACES_MM, 1)]
    return write(folder, legs, np.random.default_rng(SEED), SEED, say, PAUSE)[0]
