"""A scan of a CatPhan 604 on an ordinary machine, with a truth that is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from phantoms import ctphantom, ctseries
from phantoms.ctphantom import Imaging, Placement
from phantoms.examples import typical
from phantoms.models import ct_models

SEED = 4  # any: the demonstration is the same for everybody
PLACEMENT = Placement((0.4, -0.6, 0.3), 0.15, -0.4, 0.1)
HOW = Imaging(blur_mm=(0.45, 0.5), noise_hu=9.0, nps_peak_per_mm=0.25, noise_across_mm=1.5, cupping_hu=6.0)
AIR = {"Air": -962.0, "Air, bottom": -958.0}  # scattered radiation lifts it inside a phantom


def write(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """The scan as DICOM files with ``truth.json`` beside them."""
    say("drawing: CBCT of a CatPhan 604")
    model = next(m for m in ct_models() if m.key == "catphan604")
    grid = ctphantom.grid_over(model, PLACEMENT, spacing_mm=(2.0, 0.9, 0.9), around_mm=(14.0, 24.0))
    scanned = ctphantom.scan_phantom(model, grid, np.random.default_rng(SEED), PLACEMENT, HOW, AIR)
    machine = typical()
    return ctseries.write(scanned, folder / "cbct_catphan604", seed=SEED, name=machine.name, serial=machine.serial)
