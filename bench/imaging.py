"""Imaging isocentre minus treatment isocentre: kV pair and CBCT against four MV images, pulls of rehearsals, and the real daily chain.

No open program gives this vector. For the CBCT the peer is a centre of mass above half height, the way ball finders in volumes work.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.scenes import cut
from bench.speed import CLI, process
from bench.table import NONE, Errors, Row, between, progress, refusals, within, worst
from phantoms.examples import typical, typical_kv
from phantoms.linac import BallSetup, Linac, Rod, Shot, beam_axes, expose
from phantoms.machine import STILL
from phantoms.meeting import smallest_sphere
from phantoms.volume import Grid, Rings, Scan, Scanned, Sphere, Streaks, scan
from qa import rehearsal
from qa.acquisition import Acquisition
from qa.procedure import load
from qa.reading import Measured, Reading

Array = NDArray[np.float64]
KV_MM, CBCT_MM = 0.01, 0.03  # the goals, rms of the 3D vector
PULL = 0.8, 1.2
MOVE_MM, MOVE_U_MM, SECONDS = 0.394, 0.10, 3.0  # the real chain: how far the couch was lowered, its U, the whole process
NOISE = 0.004
MV = tuple(Shot(gantry_deg=g) for g in (0.0, 90.0, 180.0, 270.0))
PAIR = (Shot(gantry_deg=0.0), Shot(gantry_deg=270.0))
KEYS = [f"isocenter_{axis}" for axis in "xyz"]


def machines(rng: np.random.Generator) -> tuple[Linac, Linac, Array]:
    """The typical machine with 0.4 % white noise, and its kV system without sag, whose isocentre K is drawn and returned."""
    linac = replace(typical(), panel=cut(typical().panel, 1500.0), noise_sigma=NOISE, noise_correlation=0.0, panel_rotation_deg=0.0)
    k = rng.normal(0, 0.4, 3)
    kv = typical_kv()
    kv = replace(
        kv,
        panel=kv.panel.cropped(260, 300),
        imager_isocentre_mm=(float(k[0]), float(k[1]), float(k[2])),
        panel_u_mm=STILL,
        panel_v_mm=STILL,
        panel_rotation_deg=0.0,
        noise_sigma=NOISE,
        noise_correlation=0.0,
        quantum_share=0.0,
    )
    return linac, kv, k


def ball(rng: np.random.Generator) -> BallSetup:
    """A ball about 1 mm off the isocentre on a rod."""
    x, y, z = (float(v) for v in rng.normal(0, 0.6, 3))
    return BallSetup((x, y, z), float(rng.uniform(6, 8)), rods=(Rod(),))


def vector(day: Acquisition, kind: str) -> tuple[Array | None, str]:
    """What the suite finds for K - T or C - T, or why not."""
    readings = [r for r in load("imaging_isocenter").analyse(day).readings if r.quantity.key in [f"{kind}_{key}" for key in KEYS]]
    return _numbers(readings)


def _numbers(readings: Sequence[Reading]) -> tuple[Array | None, str]:
    values = [r.value for r in readings if isinstance(r, Measured) and not r.missing]
    if len(values) == 3:
        return np.array(values), ""
    return None, "; ".join(dict.fromkeys(r.missing if isinstance(r, Measured) else r.reason for r in readings))


def kv_rows(n: int, seed: Sequence[int]) -> list[Row]:
    """A kV pair and four MV images."""
    found = Errors()
    for k in progress(range(n), "kV vectors"):
        rng = np.random.default_rng([*seed, k])
        linac, kv, isocentre = machines(rng)
        setup = ball(rng)
        exposures = [*expose(linac, setup, MV, rng), *expose(kv, setup, PAIR, rng)]
        treatment = smallest_sphere(beam_axes(linac, MV))[0]
        value, reason = vector(rehearsal.day(exposures), "kv")
        found.add(None if value is None else value - (isocentre - treatment), reason)
    what = "kV pair + 4 MV, 0.4 % noise: 3D vector K - T, rms / max (mm)"
    return [Row(what, n, f"{KV_MM:g} rms", str(found), NONE, within(found.rms, KV_MM), remarks=refusals(found.refused, "ours"))]


SCANS = {
    "noise 30 HU": Scan((0.6, 0.6), air_hu=120.0, noise_hu=30.0),
    "streaks, rings, clipped at 3071": Scan((0.6, 0.6), air_hu=120.0, noise_hu=30.0, rings=Rings(), streaks=(Streaks("ball"),)),
}


def scanned(setup: BallSetup, centre: Array, how: Scan, rng: np.random.Generator) -> Scanned:
    """The ball in plastic, voxels of 0.5 x 0.5 x 2 mm."""
    x, y, z = (float(v) for v in np.array(setup.position_mm) - centre)
    return scan([Sphere("ball", (x, y, z), setup.diameter_mm / 2, 6000.0)], Grid((24, 100, 110), (2.0, 0.5, 0.5)), rng, how)


def peer(volume: Scanned) -> Array:
    """Centre of mass of the voxels above half height, in F: index to mm by the drawn grid."""
    from scipy.ndimage import center_of_mass, label

    voxels = volume.voxels.astype(float)
    labels, _ = label(voxels > (voxels.max() + np.median(voxels)) / 2)
    sizes = np.bincount(labels.ravel())[1:]
    index = np.array(center_of_mass(voxels, labels, int(np.argmax(sizes)) + 1))
    return np.asarray(np.array(volume.grid.origin_mm) + index @ np.array(volume.grid.steps_mm))


def cbct_rows(n: int, seed: Sequence[int]) -> list[Row]:
    """A CBCT and four MV images."""
    rows = []
    for number, (name, how) in enumerate(SCANS.items()):
        found, theirs = Errors(), Errors()
        for k in progress(range(n), f"CBCT vectors, {name}"):
            rng = np.random.default_rng([*seed, number, k])
            linac, _, centre = machines(rng)
            setup = ball(rng)
            volume = scanned(setup, centre, how, rng)
            day = rehearsal.day(expose(linac, setup, MV, rng), [rehearsal.volume(volume, linac.name, couch_mm=(0.0, 0.0, 0.0))])
            truth = centre - smallest_sphere(beam_axes(linac, MV))[0]
            value, reason = vector(day, "cbct")
            found.add(None if value is None else value - truth, reason)
            theirs.add(peer(volume) - np.array(volume.truth["ball"].f_mm))
        what = f"CBCT 0.5 x 0.5 x 2 mm + 4 MV, {name}: 3D vector C - T, rms / max (mm); peer: its ball alone"
        verdict = within(found.rms, CBCT_MM)
        rows.append(Row(what, n, f"{CBCT_MM:g} rms", str(found), str(theirs), verdict, remarks=refusals(found.refused, "ours")))
    return rows


def pull_rows(n: int, seed: Sequence[int]) -> list[Row]:
    """Rehearsals: imagers and couches repeat as badly as stated."""
    test, pulls = load("imaging_isocenter"), {kind: [] for kind in ("kv", "mv", "cbct")}  # type: dict[str, list[float]]
    for k in progress(range(n), "rehearsals"):
        drawn = test.rehearse(np.random.default_rng([*seed, k]))
        for reading in test.analyse(drawn.acquisition).readings:
            kind, _, rest = reading.quantity.key.partition("_")
            if rest not in KEYS or not isinstance(reading, Measured) or reading.missing:
                continue
            truth = drawn.truth[reading.quantity.key, str(reading.at["set"])]
            pulls[kind].append((reading.value - truth) / reading.u)
    rows = []
    for kind, values in pulls.items():
        sd, held = float(np.std(values)), float(np.mean(np.abs(values) <= 2))
        verdict = between(sd, *PULL, 1 / np.sqrt(2 * len(values)))
        goal = f"sd {PULL[0]:g} to {PULL[1]:g}"
        rows.append(Row(f"{kind} vectors of rehearsals, pulls", len(values), goal, f"sd {sd:.2f}, held {held:.1%}", NONE, verdict))
    return rows


def real_rows() -> list[Row]:
    """The daily chain of a real machine: what the couch did, and how long it all takes; nothing without the folder of real images."""
    folder = os.environ.get("IGRTQA_REAL_DATA")
    if not folder:
        return [Row("real chain", 0, NONE, "IGRTQA_REAL_DATA is not set", NONE)]
    chain = Path(folder) / "igrt_chain.zip"
    from qa import dicom

    with dicom.opened([chain]) as batch:
        (day,) = [a for a in batch.acquisitions if a.day]
        readings = load("imaging_isocenter").analyse(day).readings
    rows = [_move(readings)]
    for kind, place in (("kv", "after"), ("kv", "before"), ("mv", "")):
        chosen = [r for r in readings if r.quantity.key in [f"{kind}_{key}" for key in KEYS] and isinstance(r, Measured)]
        third = chosen[3:] if place == "after" else chosen[:3]
        words = ", ".join(f"{r.value:+.3f} ± {2 * r.u:.3f}" for r in third if isinstance(r, Measured))
        rows.append(Row(f"real chain, {kind} {place} minus treatment isocentre, x, y, z ± U (mm)", 1, NONE, words, "no open tool"))
    return [*rows, _speed(chain)]


def _move(readings: Sequence[Reading]) -> Row:
    (move,) = [r for r in readings if r.quantity.key == "kv_ball_move_z"]
    if not isinstance(move, Measured):
        return Row("real chain, vertical couch correction", 1, f"{MOVE_MM:g}", move.reason, NONE, within(1, 0))
    verdict = worst(within(abs(move.value + MOVE_MM), 2 * move.u), within(2 * move.u, MOVE_U_MM))
    goal = f"{MOVE_MM:g} within U, U <= {MOVE_U_MM:g}"
    what, found = "real chain, vertical couch correction, kV images (mm)", f"{move.value:+.3f}, U {2 * move.u:.3f}"
    return Row(what, 1, goal, found, "no open tool", verdict)


def _speed(chain: Path) -> Row:
    """The whole process, from the zip to the PDF, records stored: the least of three."""
    with tempfile.TemporaryDirectory() as name:
        seconds = []
        for k in range(3):
            place = Path(name) / str(k)
            place.mkdir()
            run = ["run", str(chain), "--pdf", str(place / "r.pdf"), "--database", str(place / "r.sqlite"), "--protocol", "tg142_daily"]
            start = time.perf_counter()
            process(["-c", CLI, *run], accepted=(0, 1, 3))
            seconds.append(time.perf_counter() - start)
    least = min(seconds)
    return Row("real chain, whole process with PDF (s)", 3, f"{SECONDS:g}", f"{least:.2f}", "no open tool", within(least, SECONDS))


def rows(quick: bool, seed: int) -> list[Row]:
    """All of it."""
    return [
        *kv_rows(6 if quick else 60, (seed, 60)),
        *cbct_rows(4 if quick else 40, (seed, 61)),
        *pull_rows(8 if quick else 80, (seed, 62)),
        *real_rows(),
    ]
