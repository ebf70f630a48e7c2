"""A monthly Winston-Lutz check of an ordinary machine, as images: what a clinic takes, with a truth that is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from phantoms import rtimage
from phantoms.examples import DEMONSTRATION_BALL
from phantoms.linac import Exposure, Shot, expose, typical

SEED = 1  # any: the demonstration is the same for everybody
SHOTS = (
    *(Shot(gantry_deg=float(gantry)) for gantry in range(0, 360, 45)),
    *(Shot(collimator_deg=float(collimator)) for collimator in (90, 180, 270)),
    *(Shot(couch_deg=float(couch)) for couch in (45, 90, 270, 315)),
)


def write(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Eight gantry, three more collimator and four more couch angles on a full panel, as DICOM with ``truth.json`` beside them."""
    rng = np.random.default_rng(SEED)
    exposures: list[Exposure] = []
    for number, shot in enumerate(SHOTS, 1):
        exposures += expose(typical(), DEMONSTRATION_BALL, [shot], rng)
        say(f"drawing: {number} of {len(SHOTS)} images")
    return rtimage.write(exposures, folder, seed=SEED)
