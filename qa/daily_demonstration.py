"""An ordinary morning: a kV pair, the couch correction that follows from it, a second pair, and one image of the beam."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from phantoms.examples import typical, typical_kv
from qa.ball_legs_demonstration import Leg, write

SEED = 4  # any: the demonstration is the same for everybody
BEFORE_MM = (1.2, -0.9, 1.6)  # how far the couch stood from where the match sent it


def files(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Five images as DICOM with their truth."""
    kv, here = typical_kv(), (0.0, 0.0, 0.0)
    pair = (0.0, 270.0)
    legs = (Leg("kv_before", kv, pair, BEFORE_MM), Leg("kv_after", kv, pair, here), Leg("mv", typical(), (0.0,), here))
    return write(folder, legs, np.random.default_rng(SEED), SEED, say)[0]
