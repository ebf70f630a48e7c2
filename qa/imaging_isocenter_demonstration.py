"""The images of a daily check of an ordinary machine's imaging isocentres, with a truth that is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from phantoms import ctseries, rtimage
from phantoms.examples import DEMONSTRATION_BALL, typical, typical_kv
from phantoms.volume import Cylinder, Grid, Scan, Sphere, scan
from qa import ball_legs_demonstration
from qa.ball_legs_demonstration import Leg

SEED = 3  # any: the demonstration is the same for everybody
BEFORE_MM = (0.8, -0.5, 1.1)  # how far the couch stood from where it stands for the treatment images
HERE_MM = (0.0, 0.0, 0.0)
CBCT_ISOCENTRE_MM = (-0.20, 0.15, 0.30)  # in F, as kV and CBCT isocentres differ on real machines
CARDINALS = (0.0, 90.0, 180.0, 270.0)


def write(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Four kV images before a couch correction and four after it, a CBCT, four MV images: DICOM with ``truth.json`` beside them."""
    rng, kv = np.random.default_rng(SEED), typical_kv()
    legs = [Leg("kv_before", kv, CARDINALS, BEFORE_MM), Leg("kv_after", kv, CARDINALS, HERE_MM), Leg("mv", typical(), CARDINALS, HERE_MM)]
    paths, start = ball_legs_demonstration.write(folder, legs, rng, SEED, say)
    say("drawing: CBCT")
    x, y, z = (b - c for b, c in zip(DEMONSTRATION_BALL.position_mm, CBCT_ISOCENTRE_MM, strict=True))
    solids = (
        Cylinder("plastic", (x, y, z), (0.0, 1.0, 0.0), 25.0, 60.0, 120.0),
        Sphere("ball", (x, y, z), DEMONSTRATION_BALL.diameter_mm / 2, 6000.0),
    )
    scanned = scan(solids, Grid((40, 160, 160), (2.0, 0.5, 0.5)), rng, Scan(noise_hu=25.0))
    machine, table = typical(), rtimage.TABLE_MM
    place = folder / "cbct"
    return paths + ctseries.write(
        scanned, place, seed=SEED, name=machine.name, serial=machine.serial, start=start, couch_mm=table, couch_deg=0.0
    )
