"""A random day with known truth: one machine with its kV and CBCT systems, one ball, couch moves in between.

Imagers repeat their position and couches their readout as badly as the uncertainties say; everything else is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms import ctseries, rtimage
from phantoms.linac import BallSetup, Shot, beam_axes
from phantoms.meeting import smallest_sphere
from phantoms.rtimage import FIRST_EXPOSURE, TABLE_MM
from phantoms.volume import Grid, Scan, Scanned, Sphere, scan
from phantoms.volume_grid import point
from qa import rehearsal
from qa.ball_day_rehearsal import BLANK_MM, PAUSE, Place, Truth, a_kv_system, a_linac, a_place, a_setup, exposed, in_order, system
from qa.procedure import Rehearsal

Array = NDArray[np.float64]


def draw(rng: np.random.Generator) -> Rehearsal:
    """Four MV images, a kV pair before a couch correction, the same and one more after it, and a CBCT with the couch elsewhere."""
    seed = int(rng.integers(2**31))
    linac, setup = a_linac(rng), a_setup(rng)
    kv = a_kv_system(linac, rng)
    start = float(rng.uniform(-40, 40))
    here = Place(BLANK_MM, BLANK_MM)
    before, aside = a_place(rng, 0.8), a_place(rng, 2.0)
    mv_shots = [Shot(gantry_deg=(start + 90 * k + float(rng.uniform(-10, 10))) % 360) for k in range(4)]
    first = [Shot(gantry_deg=float(rng.uniform(-20, 20)) % 360), Shot(gantry_deg=float(rng.uniform(250, 290)))]
    last = [*first, Shot(gantry_deg=float(rng.uniform(110, 160)))]
    mv = [exposed(linac, setup, shot, here, rng) for shot in mv_shots]
    pair = [exposed(kv, setup, shot, before, rng) for shot in first]
    arc = [exposed(kv, setup, shot, here, rng) for shot in last]
    centre = tuple(float(c) for c in rng.normal(0, 0.4, 3))
    scanned = _scanned(setup, centre, aside, rng)
    volume = rehearsal.volume(scanned, linac.name, couch_mm=aside.readout_mm, couch_deg=0.0)
    acquisition = in_order(rehearsal.day([*mv, *pair, *arc], [volume]), [*arc, *mv])
    uids = [image.sop_instance_uid for image in acquisition.images]
    isocentre = smallest_sphere(list(beam_axes(linac, tuple(mv_shots))))[0]
    ball = np.array(setup.position_mm) - isocentre
    truth: Truth = {("treatment_ball_" + axis, ""): float(ball[k]) for k, axis in enumerate("xyz")}
    truth |= system("mv", linac, setup, mv_shots, here, ball, uids[:4], "MV")
    truth |= system("kv", kv, setup, first, before, ball, uids[4:6], "kV 1")
    truth |= system("kv", kv, setup, last, here, ball, uids[6:], "kV 2")
    truth |= _cbct(setup, centre, aside, ball)
    for k, axis in enumerate("xyz"):
        truth[f"kv_ball_move_{axis}", ""] = -before.true_mm[k]
        truth[f"kv_ball_move_error_{axis}", ""] = before.readout_mm[k] - before.true_mm[k]

    def write(folder: Path) -> None:
        for k, (name, exposures) in enumerate((("kv_before", pair), ("kv_after", arc), ("mv", mv))):
            rtimage.write(exposures, folder / name, seed=seed, start=FIRST_EXPOSURE + k * PAUSE)
        x, y, z = (a + b for a, b in zip(TABLE_MM, aside.readout_mm, strict=True))
        ctseries.write(
            scanned,
            folder / "cbct",
            seed=seed,
            name=linac.name,
            serial=linac.serial,
            start=FIRST_EXPOSURE,
            couch_mm=(x, y, z),
            couch_deg=0.0,
        )

    return Rehearsal(acquisition, truth, write)


def _scanned(setup: BallSetup, centre: Sequence[float], place: Place, rng: np.random.Generator) -> Scanned:
    """The ball in plastic that fills a small volume, in the coordinates of a CBCT whose isocentre is at ``centre``."""
    x, y, z = (float(v) for v in np.array(setup.position_mm) + place.true_mm - np.array(centre))
    grid = Grid((34, 64, 72), (1.0, 0.55, 0.5), point(rng.normal(0, 1.0, 3)))
    blur = float(rng.uniform(0.4, 0.7)), float(rng.uniform(0.4, 0.7))
    how = Scan(blur, air_hu=120.0, noise_hu=float(rng.uniform(15, 40)))
    return scan([Sphere("ball", (x, y, z), setup.diameter_mm / 2, 5000.0)], grid, rng, how)


def _cbct(setup: BallSetup, centre: Sequence[float], place: Place, ball: Array) -> Truth:
    at_imaging = ball + place.true_mm
    seen = np.array(setup.position_mm) + place.true_mm - np.array(centre)
    vector = at_imaging - seen
    truth: Truth = {
        ("cbct_isocenter_distance", "CBCT"): float(np.linalg.norm(vector)),
        ("cbct_isocenter_max_2d", "CBCT"): float(max(np.hypot(vector[0], vector[1]), np.hypot(vector[2], vector[1]))),
    }
    for k, axis in enumerate("xyz"):
        truth[f"cbct_ball_{axis}", "CBCT"], truth[f"cbct_isocenter_{axis}", "CBCT"] = float(seen[k]), float(vector[k])
        truth[f"cbct_couch_move_{axis}", "CBCT"] = -place.true_mm[k]
    return truth
