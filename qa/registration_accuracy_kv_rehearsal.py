"""A random match of two kV pairs of one ball with known truth: a couch in between, and a system that matched with faults."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms import registration, rtimage
from phantoms.linac import Exposure, Shot, expose
from phantoms.meeting import ball_from_projections
from qa import rehearsal
from qa.acquisition import Acquisition, Placed, Registration
from qa.ball_day_rehearsal import PAUSE, a_kv_system, a_linac, a_setup, as_panels_repeat, in_order, seen
from qa.ball_moves import AXES
from qa.ball_phantom_rehearsal import turn
from qa.procedure import Rehearsal
from qa.registration_accuracy_rehearsal import Truth, matrix
from qa.rtimage import FRAME, LYING

Array = NDArray[np.float64]
PART, LAY = "kV pair", "HFS"
DECIMALS, GANTRY_DEG = 6, 0.1  # of the matrix; how far the gantry is from its readout


def draw(rng: np.random.Generator) -> Rehearsal:
    """A ball near the isocentre, a shift along all axes, and a match of it; couch, panel and gantry are not where they are said to be."""
    setup, kv = a_setup(rng), a_kv_system(a_linac(rng), rng)
    angles = float(rng.uniform(-20, 20)) % 360, float(rng.uniform(250, 290))
    told = rng.uniform(2.8, 5, 3) * rng.choice([-1, 1], 3)
    went = told + rng.normal(0, 0.2, 3)
    taken, places = [], []
    for readout, true in ((np.zeros(3), np.zeros(3)), (told.round(2), went)):
        pair, views = [], []
        stood = [angle + float(rng.normal(0, GANTRY_DEG)) for angle in angles]
        for angle, truly in zip(angles, stood, strict=True):
            panel = as_panels_repeat(kv, rng)
            there, said = ((float(x), float(y), float(z)) for x, y, z in (true, readout))
            shot = Shot(gantry_deg=truly, travel_mm=there)
            pair.append(replace(expose(panel, setup, [shot], rng)[0], linac=kv, shot=Shot(gantry_deg=angle, travel_mm=said)))
            views.append(seen(panel, setup, shot))
        taken.append(pair)
        places.append(np.array(ball_from_projections(views, stood, kv.sad_mm)))
    shown, fault, turned = places[1] - places[0], rng.normal(0, 0.3, 3), turn(*rng.normal(0, 0.3, 3))
    proposed = shown + fault  # where the match takes the ball
    truth = {key: value for name, vector in _named(went, proposed, told, fault).items() for key, value in _three(name, vector).items()}
    truth["registration_error_length", PART] = float(np.linalg.norm(fault))
    written = matrix(turned, places[0] + proposed - turned @ places[0]).round(DECIMALS)
    seed = int(rng.integers(2**31))
    return Rehearsal(_acquisition(taken, written, seed), truth, partial(_write, taken, written, seed))


def _named(found: Array, proposed: Array, known: Array, error: Array) -> dict[str, Array]:
    return {"found": found, "proposed": proposed, "known": known, "error": error}


def _three(name: str, vector: Array) -> Truth:
    return {(f"registration_{name}_{axis}", PART): float(value) for axis, value in zip(AXES, vector, strict=False)}


def _acquisition(taken: list[list[Exposure]], written: Array, seed: int) -> Acquisition:
    """The day with one frame of reference per pair, and the match between them."""
    first, last = taken
    day = in_order(rehearsal.day([*first, *last]), last)
    frames = [f"2.25.{seed}{k}" for k in range(2)]
    images = [replace(image, tags={FRAME: frames[k // len(first)], LYING: LAY}) for k, image in enumerate(day.images)]
    rows = tuple((a, b, c, d) for a, b, c, d in written.tolist())
    placed = Placed(frames[1], frozenset(), rows, 10.0**-DECIMALS)
    match = Registration("simulated match", f"2.25.{seed}", f"{seed:064x}", frames[0], frozenset(frames), (placed,))
    return replace(day, images=tuple(images), registrations=(match,))


def _write(taken: list[list[Exposure]], written: Array, seed: int, folder: Path) -> None:
    """Both pairs and the match."""
    frames = []
    for k, pair in enumerate(taken):
        start = rtimage.FIRST_EXPOSURE + k * PAUSE
        paths = rtimage.write(pair, folder / f"kv_{k + 1}", seed=seed + k, start=start, patient_position=LAY)
        frames.append(registration.frame_of(paths[0]))
    registration.write(folder / "match.dcm", frames[0], [registration.Item(frames[1], written)], seed=seed)
