"""python -m bench.multi [--quick] [--seed N]: targets off the axis, ours and pylinac's on the same files, and what is read from many."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import importlib.metadata
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.scenes import FULL_SCALE
from bench.table import MISSED, Errors, Row, between, both, mm, progress, refusals, show, within
from phantoms import rtimage
from phantoms.aperture import REALISTIC, Leaves, Rectangle
from phantoms.linac import BallSetup, Linac, Shot
from phantoms.panel import AS1200
from phantoms.targets import Plan, Targeted, irradiate
from qa import multi_engine, multi_shots, rehearsal
from qa.procedure import load
from qa.reading import Measured
from qa.shots import Shot as Sighting

Array = NDArray[np.float64]
FAR_MM, GOAL_MM = 70.0, 0.01
SLOPES = {"no slope": 0.0, "0.16 %/mm": 0.0014, "0.41 %/mm": 0.0032}  # of the beam at the axis; relative to the signal at 70 mm more
NOISE = (0.003, 0.8)
MANY = ("target_shift_x", "target_shift_y", "target_shift_z", "target_pitch", "target_roll", "target_yaw", "target_field_scale",
        "target_collimator_angle", "target_residual", "max_target_offset", "median_target_offset")  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """One image with one target 70 mm off the axis."""

    image: Targeted
    machine: Linac


def off_axis(rng: np.random.Generator, slope: float, noise: bool) -> Taken:
    """A 20 mm field, jaws or leaves, round a 5 mm ball up to 1 mm off its centre; the beam falls away from the axis."""
    angle = rng.uniform(0, 2 * np.pi)
    far = FAR_MM * np.array([np.cos(angle), np.sin(angle)])
    machine = Linac(
        "bench", panel=AS1200, penumbra=REALISTIC, tilt_per_mm=(-slope * float(np.cos(angle)), -slope * float(np.sin(angle))),
        noise_sigma=NOISE[0] if noise else 0.0, noise_correlation=NOISE[1] if noise else 0.0, full_scale=FULL_SCALE,
    )  # fmt: skip
    field = Leaves(20.0, 20.0) if rng.random() < 0.5 else Rectangle(20.0, 20.0)
    shift = rng.normal(0, 0.4, 2)
    plan = Plan(((float(far[0]), float(far[1]), 0.0),), field, BallSetup(diameter_mm=5.0), (float(shift[0]), float(shift[1]), 0.0))
    return Taken(irradiate(machine, plan, Shot(0.0, float(rng.choice([0.0, 90.0, 30.0]))), (0,), rng), machine)


def one_target_rows(quick: bool, seed: int) -> list[Row]:
    """Errors of field, ball and their difference at 70 mm."""
    rows = []
    for j, (what, slope) in enumerate(SLOPES.items()):
        for noise in (False, True):
            field, ball, mine, theirs = Errors(), Errors(), Errors(), Errors()
            for k in progress(range(4 if quick else 30), what):
                taken = off_axis(np.random.default_rng([seed, 1, j, k]), slope, noise)
                _measure(taken, field, ball, mine, theirs)
            title = f"target at {FAR_MM:g} mm, {what}, {'0.3 % noise, correlated 0.8' if noise else 'no noise'}"
            remarks = (f"ours: field {field}, ball {ball}", *refusals(mine.refused, "ours"), *refusals(theirs.refused, "pylinac"))
            goal = both(within(mine.rms, GOAL_MM), within(mine.largest, GOAL_MM)) if not noise else within(mine.rms, GOAL_MM)
            rows.append(Row(title, len(mine.mm), f"{GOAL_MM:g} mm", str(mine), str(theirs), goal, remarks=remarks))
    return rows


def _measure(taken: Taken, field: Errors, ball: Errors, mine: Errors, theirs: Errors) -> None:
    """Both programs on one image; errors against where things were drawn, as the panel shows them."""
    image, true = rehearsal.acquisition([taken.image.exposure]).images[0], taken.image
    seen = [s for s in multi_shots.measure(image, 0) if isinstance(s, Sighting)]
    if seen:
        field.add(seen[0].field_mm - true.fields_uv_mm[0])
        ball.add(seen[0].ball_mm - true.balls_uv_mm[0])
        mine.add(seen[0].offset_mm - true.offsets_mm[0])
    else:
        mine.add(None, "; ".join(getattr(s, "reason", "") for s in multi_shots.measure(image, 0)))
    with tempfile.TemporaryDirectory() as folder, multi_engine._silence():
        (file,) = rtimage.write([true.exposure], Path(folder), seed=0)
        found = multi_engine.offsets(image, file, seen)
    theirs.add(None if isinstance(found, str) else found[0] - true.offsets_mm[0], found if isinstance(found, str) else "")


def set_rows(quick: bool, seed: int) -> list[Row]:
    """Errors and pulls of what is read from a whole set, over rehearsals."""
    test, errors, pulls = load("winston_lutz_multi"), dict[str, list[float]](), dict[str, list[float]]()
    count = 12 if quick else 100
    for k in progress(range(count), "sets"):
        drawn = test.rehearse(np.random.default_rng([seed, 2, k]))
        for reading in test.analyse(drawn.acquisition).readings:
            true = drawn.truth.get((reading.quantity.key, ""))
            if isinstance(reading, Measured) and true is not None and not reading.missing:
                errors.setdefault(reading.quantity.key, []).append(reading.value - true)
                pulls.setdefault(reading.quantity.key, []).append((reading.value - true) / reading.u)
    units = {quantity.key: quantity.unit for quantity in test.quantities}
    rows = []
    for key in MANY:
        pull, n = np.array(pulls.get(key, [np.nan])), len(pulls.get(key, []))
        if n < 3:
            rows.append(Row(f"{key}", n, "measured", "-", "-", MISSED))
            continue
        spread = float(pull.std(ddof=1))
        rms = float(np.sqrt(np.mean(np.square(errors[key]))))
        verdict = between(spread, 0.7, 1.3, 1 / np.sqrt(2 * (n - 1)))
        remark = f"pulls: mean {pull.mean():+.2f}, sd {spread:.2f}, largest {np.abs(pull).max():.1f}"
        rows.append(Row(f"{key}, rms error / {units[key]}", n, "pull sd 0.7-1.3", mm(rms), "-", verdict, remarks=(remark,)))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.multi", description="Targets off the axis, side by side with pylinac.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the images: a look, not a judgement")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default 1)")
    asked = parser.parse_args(arguments)
    print(f"# Multi-target beside pylinac {importlib.metadata.version('pylinac')}, seed {asked.seed}{', quick' if asked.quick else ''}")
    one, sets = one_target_rows(asked.quick, asked.seed), set_rows(asked.quick, asked.seed)
    show("One target 70 mm off the axis, ball minus field, rms / max error (mm)", one)
    show("What all targets have in common, random machines and phantoms", sets)
    return 1 if any(MISSED in row.verdict for row in [*one, *sets]) else 0


if __name__ == "__main__":
    raise SystemExit(main())
