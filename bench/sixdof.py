"""python -m bench.sixdof [--quick] [--seed N]: pose and motion of an 80 mm cube with five balls in drawn CBCT volumes.

The peer is a centre of mass of each ball (it is told which is where) and the same rigid fit; no open tool measures such a cube. Errors of
the pose are those of the cube's middle and of its rotation; of the motion, those of the point at the isocentre.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: small matrices only

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from bench.table import NONE, Row, alone, between, progress, within
from phantoms.solids import turned
from phantoms.volume import Grid, Rings, Scan, Scanned, Streaks, scan
from phantoms.volume_phantoms import CERAMIC_HU, FIVE_MM, STEEL_HU, ball_cube
from qa import ball_pose, rehearsal, rigid
from qa.acquisition import Volume
from qa.certificate import Ball, Body, Certificate
from qa.reading import AnalysisError

Array = NDArray[np.float64]
GOAL_MM, GOAL_DEG, PULL = 0.02, 0.02, (0.8, 1.2)
GRID = Grid((104, 112, 118), (1.1, 1.0, 0.95))
DIAMETER_MM, U_MM = 6.0, 0.01
HOW = {
    "noise 25 HU": Scan((0.5, 0.5), noise_hu=25.0),
    "noise 40 HU, rings": Scan((0.6, 0.6), noise_hu=40.0, rings=Rings()),
    "steel, streaks, clipped at 3071": Scan(
        (0.6, 0.6), noise_hu=30.0, streaks=tuple(Streaks(f"ball {k}", 150.0, 5 + k, 40.0 * k, lopsided=0.3) for k in range(1, 6))
    ),
}


def certificate() -> Certificate:
    """The cube as it is drawn, exactly."""
    day = rehearsal.WHEN.date()
    balls = tuple(Ball(f"ball {k}", *place, DIAMETER_MM, (U_MM,) * 3) for k, place in enumerate(FIVE_MM, 1))
    return Certificate("5-ball cube", "drawn", day - timedelta(days=1), day + timedelta(days=1), "drawn", balls, Body("cube", (80.0,) * 3))


def pose(rng: np.random.Generator) -> tuple[Array, Array]:
    """Turned by up to 3 degrees about each axis, up to 6 mm off."""
    x, y, z = (float(v) for v in rng.uniform(-3, 3, 3))
    return turned((x, y, z)), rng.uniform(-6, 6, 3)


def drawn(rotation: Array, place: Array, how: Scan, rng: np.random.Generator) -> Scanned:
    """The cube at a pose."""
    x, y, z = (float(v) for v in place)
    made_of = STEEL_HU if how.streaks else CERAMIC_HU
    return scan(ball_cube((x, y, z), rotation, diameters_mm=DIAMETER_MM, ball_hu=made_of).solids, GRID, rng, how)


def peer(scanned: Scanned) -> tuple[Array, Array]:
    """Pose from the centres of mass of what lies above half height within a ball's radius of the true places."""
    voxels, pitch = scanned.voxels.astype(float), np.array(GRID.spacing_mm)
    found = []
    for solid in scanned.solids[1:]:
        index = np.array(scanned.truth[solid.name].index)
        first = np.maximum((index - (DIAMETER_MM / 2 + 2) / pitch).astype(int), 0)
        last = (index + (DIAMETER_MM / 2 + 2) / pitch).astype(int) + 2
        crop = voxels[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
        weight = np.maximum(crop - (crop.max() + np.median(crop)) / 2, 0.0)
        middle = np.array([(axis * weight).sum() for axis in np.indices(crop.shape)]) / weight.sum() + first
        found.append(GRID.room(middle))
    return rigid.kabsch(np.array(FIVE_MM), np.array(found))


def off(rotation: Array, place: Array, found: tuple[Array, Array]) -> Array:
    """Error of a pose: rotation vector (deg), middle (mm)."""
    return np.concatenate([np.degrees(rigid.rotation_vector(found[0] @ rotation.T)), found[1] - place])


def _rms(errors: Sequence[Array], part: slice) -> float:
    """Per axis."""
    return float(np.sqrt(np.mean(np.array(errors)[:, part] ** 2))) if errors else np.inf


def _pair(errors: Sequence[Array]) -> str:
    if not errors:
        return NONE
    most = np.abs(np.array(errors)).max(axis=0)
    return f"{_rms(errors, slice(3, 6)):.4f} / {most[3:].max():.4f} mm, {_rms(errors, slice(0, 3)):.4f} / {most[:3].max():.4f} deg"


def _goal(errors: Sequence[Array], refused: int) -> str:
    met = max(_rms(errors, slice(3, 6)) / GOAL_MM, _rms(errors, slice(0, 3)) / GOAL_DEG)
    return within(met if not refused else np.inf, 1.0)


def rows(quick: bool, seed: int) -> list[Row]:
    """Poses, motions from each to the next, and what their uncertainties are worth."""
    n, known, table = 6 if quick else 40, certificate(), []
    for number, (name, how) in enumerate(HOW.items()):
        poses: list[Array] = []
        motions: list[Array] = []
        theirs: list[Array] = []
        pulls: list[Array] = []
        refused: list[str] = []
        last: tuple[ball_pose.Posed, Array, Array] | None = None
        for k in progress(range(n), name):
            rng = np.random.default_rng([seed, 13, number, k])
            rotation, place = pose(rng)
            scanned = drawn(rotation, place, how, rng)
            volume: Volume = rehearsal.volume(scanned, "bench")
            theirs.append(off(rotation, place, peer(scanned)))
            try:
                posed = ball_pose.posed(volume, volume.voxels, known)
            except AnalysisError as error:
                refused.append(str(error))
                continue
            poses.append(off(rotation, place, (posed.pose.rotation, posed.pose.translation_mm)))
            if last is not None:
                motion, _, _ = ball_pose.change(last[0], posed)
                true = rotation @ last[1].T
                error = off(true, place - true @ last[2], (motion.rotation, motion.translation_mm))
                motions.append(error)
                scaled = motion.components
                own = sum(
                    (part for kind, part in scaled.items() if kind not in (ball_pose.VOXELS, ball_pose.CERTIFICATE)), np.zeros((6, 6))
                )
                pulls.append(error / (np.sqrt(np.diag(own)) * np.array([180 / np.pi] * 3 + [1.0] * 3)))
            last = posed, rotation, place
        told = tuple(f"refused {len(refused)}: {reason[:160]}" for reason in dict.fromkeys(refused))
        goal = f"{GOAL_MM:g} mm, {GOAL_DEG:g} deg rms"
        what = f"80 mm cube, five balls of 6 mm, 1 mm voxels, {name}"
        table.append(
            Row(f"{what}: pose, per axis rms / max", n, goal, _pair(poses), _pair(theirs), _goal(poses, len(refused)), remarks=told)
        )
        table.append(Row(f"{what}: motion between two", len(motions), goal, _pair(motions), NONE, _goal(motions, len(refused))))
        sd = float(np.std(pulls)) if pulls else np.inf
        verdict = between(sd, *PULL, 1 / np.sqrt(2 * max(6 * len(pulls) / 2, 1)))
        table.append(Row(f"{what}: pulls of the motion", 6 * len(pulls), f"sd {PULL[0]:g} to {PULL[1]:g}", f"sd {sd:.2f}", NONE, verdict))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed."""
    return alone(arguments, "sixdof", "Six degrees of freedom of a five-ball cube", rows)


if __name__ == "__main__":
    raise SystemExit(main())
