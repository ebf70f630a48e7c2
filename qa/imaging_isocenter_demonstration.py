"""kV images before and after a couch correction and a CBCT, on the machine and with the ball of the other demonstrations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from phantoms import ctseries, rtimage
from phantoms.examples import DEMONSTRATION_BALL, typical, typical_kv
from phantoms.linac import Exposure, Shot, expose
from phantoms.volume import Cylinder, Grid, Scan, Sphere, scan

SEED = 3  # any: the demonstration is the same for everybody
BEFORE_MM = (0.8, -0.5, 1.1)  # how far the couch stood from where it stands for the treatment images
CBCT_ISOCENTRE_MM = (-0.20, 0.15, 0.30)  # in F, as kV and CBCT isocentres differ on real machines
CARDINALS = (0.0, 90.0, 180.0, 270.0)


def write(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Four kV images at each of two couch places and 40 slices of a CBCT, as DICOM with ``truth.json`` beside them."""
    rng = np.random.default_rng(SEED)
    kv, paths = typical_kv(), []
    for name, travel in (("kv_before", BEFORE_MM), ("kv_after", (0.0, 0.0, 0.0))):
        exposures: list[Exposure] = []
        for gantry in CARDINALS:
            exposures += expose(kv, DEMONSTRATION_BALL, [Shot(gantry_deg=gantry, travel_mm=travel)], rng)
            say(f"drawing: {name}, gantry {gantry:.0f}")
        paths += rtimage.write(exposures, folder / name, seed=SEED, inverted=True)
    say("drawing: CBCT")
    x, y, z = (b - c for b, c in zip(DEMONSTRATION_BALL.position_mm, CBCT_ISOCENTRE_MM, strict=True))
    solids = (
        Cylinder("plastic", (x, y, z), (0.0, 1.0, 0.0), 25.0, 60.0, 120.0),
        Sphere("ball", (x, y, z), DEMONSTRATION_BALL.diameter_mm / 2, 6000.0),
    )
    scanned = scan(solids, Grid((40, 160, 160), (2.0, 0.5, 0.5)), rng, Scan(noise_hu=25.0))
    machine = typical()
    start = rtimage.FIRST_EXPOSURE
    paths += ctseries.write(
        scanned, folder / "cbct", seed=SEED, name=machine.name, serial=machine.serial, start=start, couch_mm=rtimage.TABLE_MM, couch_deg=0.0
    )
    return paths
