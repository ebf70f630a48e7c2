"""python -m bench.registration [--quick] [--seed N]: the motion of a five-ball cube between two drawn CBCTs, by balls and by voxels.

Errors are target registration errors, at the cube's corners and middle. What is refused, or a match by voxels that does not count, is a
draw that was not captured.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: small matrices only

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from bench.sixdof import HOW
from bench.table import NONE, Errors, Row, alone, progress, within
from phantoms.solids import turned
from phantoms.volume import Grid, Scan, scan
from phantoms.volume_phantoms import ball_cube
from qa import ball_pose, rehearsal
from qa.acquisition import Volume
from qa.certificate import Ball, Body, Certificate
from qa.reading import AnalysisError
from qa.registration_image import match

Array = NDArray[np.float64]
GOAL_MM = 0.05
GRID = Grid((92, 100, 108), (1.1, 1.0, 0.95))
PLACES = ((0.0, 0.0, 0.0), (13.0, 6.0, -14.0), (-6.0, -12.0, -9.0), (14.0, -12.0, 13.0), (-12.0, 14.0, 10.0))
SIDE_MM, DIAMETER_MM, U_MM = 40.0, 6.0, 0.01
MOST_MM, MOST_DEG = 20.0, 3.0
CORNERS = np.array([(0, 0, 0), *((x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1))]) * SIDE_MM / 2


def certificate() -> Certificate:
    """The cube as it is drawn, exactly."""
    day = rehearsal.WHEN.date()
    balls = tuple(Ball(f"ball {k}", *place, DIAMETER_MM, (U_MM,) * 3) for k, place in enumerate(PLACES, 1))
    body = Body("cube", (SIDE_MM,) * 3)
    return Certificate("5-ball cube", "drawn", day - timedelta(days=1), day + timedelta(days=1), "drawn", balls, body)


def drawn(rotation: Array, place: Array, how: Scan, rng: np.random.Generator) -> Volume:
    """The cube at a pose."""
    x, y, z = (float(v) for v in place)
    cube = ball_cube((x, y, z), rotation, balls_mm=PLACES, diameters_mm=DIAMETER_MM, side_mm=SIDE_MM)
    return rehearsal.volume(scan(cube.solids, GRID, rng, how), "bench")


def rows(quick: bool, seed: int) -> list[Row]:
    """Motions up to 20 mm along and 3 degrees about every axis: root mean square and largest error, and how many were captured."""
    n, known, table = 6 if quick else 200, certificate(), []
    for number, name in enumerate(list(HOW)[:2]):
        ways = {"balls": Errors(), "voxels": Errors()}
        for k in progress(range(n), name):
            rng = np.random.default_rng([seed, 14, number, k])
            a, b, c = (float(v) for v in rng.uniform(-MOST_DEG, MOST_DEG, 3))
            before, turn = turned((b, c, a)), turned((a, b, c))
            place, shift = rng.uniform(-1, 1, 3), rng.uniform(-MOST_MM, MOST_MM, 3)
            first, later = drawn(before, place, HOW[name], rng), drawn(turn @ before, turn @ place + shift, HOW[name], rng)
            for way, motion in _found(first, later, known).items():
                if isinstance(motion, str):
                    ways[way].add(None, motion)
                    continue
                apart = CORNERS @ (motion[0] - turn).T + motion[1] - shift
                ways[way].add([float(np.sqrt((apart**2).sum(axis=1).mean()))])
        for way, errors in ways.items():
            what = f"40 mm cube, five balls of 6 mm, 1 mm voxels, {name}: TRE by {way}, rms / max, mm"
            met = within(errors.rms if not errors.refused else np.inf, GOAL_MM)
            told = tuple(f"refused {count}: {reason[:160]}" for reason, count in errors.refused.items())
            table.append(Row(what, n, f"{GOAL_MM:g} mm rms, all captured", str(errors), NONE, met, remarks=told))
    return table


def _found(first: Volume, later: Volume, known: Certificate) -> dict[str, tuple[Array, Array] | str]:
    """Rotation and shift by both ways, or why there is none."""
    try:
        voxels = first.voxels, later.voxels
        poses = [ball_pose.posed(volume, array, known) for volume, array in zip((first, later), voxels, strict=True)]
        motion, _, balls = ball_pose.change(*poses)
    except AnalysisError as error:
        return {"balls": str(error), "voxels": str(error)}
    found: dict[str, tuple[Array, Array] | str] = {"balls": (motion.rotation, motion.translation_mm)}
    try:
        image = match(first, later, voxels, balls, motion)
        return found | {"voxels": (image.rotation, image.shift_mm)}
    except AnalysisError as error:
        return found | {"voxels": str(error)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed."""
    return alone(arguments, "registration", "Registration of two CBCTs of a five-ball cube", rows)


if __name__ == "__main__":
    raise SystemExit(main())
