"""Row 6: couch moves. A real couch must be found where its readout says, within U, and simulated couches as they were drawn."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import peer
from bench.table import MISSED, NONE, Row, between, progress, within, worst
from qa import dicom
from qa.acquisition import Image
from qa.procedure import load, where
from qa.reading import Measured, Reading

Array = NDArray[np.float64]
VARIABLE = "IGRTQA_REAL_DATA"
GOAL_U_MM = 0.15
BIAS_MM = 0.005
PULL = 0.8, 1.2
DIAMETER_MM = 7.0  # the ball's, told to pylinac
REFERENCE, SETS = "reference", ("lateral_3mm", "longitudinal_3mm")
ERRORS = tuple(f"couch_error_{axis}" for axis in "xyz")


def rows(quick: bool, seed: int) -> list[Row]:
    """Simulated couches, then a real one."""
    simulated = simulated_rows(8 if quick else 80, (seed, 60))
    return [*simulated, *turned_rows(8 if quick else 80, (seed, 61)), *real_rows()]


def simulated_rows(n: int, seed: Sequence[int]) -> list[Row]:
    """Five stops from two directions, panels put up anew for every image: bias and pulls of measured minus readout along every axis."""
    plan = load("couch_translation")
    errors: dict[str, list[float]] = {axis: [] for axis in "xyz"}
    pulls: dict[str, list[float]] = {axis: [] for axis in "xyz"}
    for k in progress(range(n), "couches"):
        drawn = plan.rehearse(np.random.default_rng([*seed, k]))
        for reading in plan.analyse(drawn.acquisition).readings:
            axis = reading.quantity.key.removeprefix("couch_error_")
            if axis in errors and isinstance(reading, Measured) and not reading.missing:
                miss = reading.value - drawn.truth[reading.quantity.key, where(reading.at)]
                errors[axis].append(miss)
                pulls[axis].append(miss / reading.u)
    return [row for axis in "xyz" for row in _axis(axis, np.array(errors[axis]), np.array(pulls[axis]), n)]


def turned_rows(n: int, seed: Sequence[int]) -> list[Row]:
    """Seven couch angles, a ball some 9 mm off the axis: bias and pulls of the turns, and of where the axis is."""
    plan = load("couch_rotation")
    keys = {"couch_turn_error": "turn (deg)", "couch_turn_axis_x": "axis, x (mm)", "couch_turn_axis_y": "axis, y (mm)"}
    errors: dict[str, list[float]] = {key: [] for key in keys}
    pulls: dict[str, list[float]] = {key: [] for key in keys}
    for k in progress(range(n), "turning couches"):
        drawn = plan.rehearse(np.random.default_rng([*seed, k]))
        for reading in plan.analyse(drawn.acquisition).readings:
            key = reading.quantity.key
            if key in keys and isinstance(reading, Measured) and not reading.missing:
                miss = reading.value - drawn.truth[key, where(reading.at)]
                errors[key].append(miss)
                pulls[key].append(miss / reading.u)
    return [_turned(name, np.array(errors[key]), np.array(pulls[key]), n) for key, name in keys.items()]


def _turned(name: str, errors: Array, pulls: Array, n: int) -> Row:
    sd = float(pulls.std(ddof=1))
    ours = f"mean {errors.mean():+.4f} +- {errors.std(ddof=1) / np.sqrt(n):.4f}, sd of pulls {sd:.2f}"
    verdict = between(sd, *PULL, sd / np.sqrt(2 * n))
    return Row(f"6 simulated couch, {name}", len(errors), f"pulls {PULL[0]:g} to {PULL[1]:g}", ours, NONE, verdict)


def _axis(axis: str, errors: Array, pulls: Array, n: int) -> Iterator[Row]:
    """The stops of one couch share the first stop's noise: n couches count, not their stops."""
    bias, spread = float(errors.mean()), float(errors.std(ddof=1) / np.sqrt(n))
    verdict = between(bias, -BIAS_MM, BIAS_MM, spread)
    yield Row(f"6 simulated couch, {axis}, mean error", len(errors), f"+-{BIAS_MM:g} mm", f"{bias:+.4f} +- {spread:.4f}", NONE, verdict)
    sd = float(pulls.std(ddof=1))
    verdict = between(sd, *PULL, sd / np.sqrt(2 * n))
    yield Row(f"6 simulated couch, {axis}, sd of pulls", len(pulls), f"{PULL[0]:g} to {PULL[1]:g}", f"{sd:.2f}", NONE, verdict)


def real_rows() -> list[Row]:
    """The couch's move minus its readout, by the test of the couch; skipped with the reason when there are no real images."""
    folder = os.environ.get(VARIABLE)
    goal = f"within U, U at most {GOAL_U_MM:g} mm"
    if folder is None:
        return [Row("6 real couch moves", 0, goal, "skipped", "skipped", NONE, remarks=(f"{VARIABLE} names no folder of real images",))]
    path, plan = Path(folder) / "couch_shift.zip", load("couch_translation")
    with dicom.opened([path]) as batch:
        (day,) = (given for given in batch.acquisitions if given.day)
        readings = [r for r in plan.analyse(day).readings if r.quantity.key in ERRORS and "part" in r.at]
        other = _peer_moves(path, day.images)
    return [_real(name, k, readings, *other[name]) for name in SETS for k in range(3)]


def _real(name: str, k: int, readings: Sequence[Reading], readout_mm: Array, peer_mm: Array) -> Row:
    """One axis of the stop whose readouts are nearest to those of a set of images."""
    own = [r for r in readings if r.quantity.key == ERRORS[k]]
    reading = min(own, key=lambda r: float(np.linalg.norm([float(r.at[f"readout_{a}_mm"]) - readout_mm[j] for j, a in enumerate("xyz")])))
    what = f"6 real couch, {name}, {'xyz'[k]}: read out {readout_mm[k]:+.4f} mm"
    cells = 1, f"within U, U at most {GOAL_U_MM:g} mm"
    peer_miss = f"{peer_mm[k] - readout_mm[k]:+.4f}"
    if not isinstance(reading, Measured) or reading.missing:
        why = reading.missing if isinstance(reading, Measured) else reading.reason
        return Row(what, *cells, "refused", peer_miss, f"{MISSED} (refused)", remarks=(why,))
    U = 2 * reading.u
    verdict = worst(within(abs(reading.value), U), within(U, GOAL_U_MM))
    return Row(what, *cells, f"{reading.value:+.4f} (U {U:.4f})", peer_miss, verdict)


def projection(gantry_deg: float) -> Array:
    """(2, 3): how a move in room axes shows in an image: u = dx cos g - dz sin g, v = dy (IEC 61217; x lateral, y along, z vertical)."""
    g = np.radians(gantry_deg)
    return np.array([[np.cos(g), 0.0, -np.sin(g)], [0.0, 1.0, 0.0]])


def expected_mm(first: Image, second: Image) -> Array:
    """Where the ball goes by the readouts, (u, v)."""
    assert first.couch_mm is not None
    assert second.couch_mm is not None
    return np.asarray(projection(second.gantry_deg) @ np.subtract(second.couch_mm, first.couch_mm))


def _peer_moves(path: Path, images: Sequence[Image]) -> dict[str, tuple[Array, Array]]:
    """By set: the readout's move from the first set, and the ball's by pylinac, by least squares over its gantry angles (x, y, z; mm)."""
    seen: dict[str, dict[int, tuple[Image, Array]]] = {}
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        for image in images:
            name = image.name.split("/", 1)[1]
            seen.setdefault(name.split("/")[0], {})[round(image.gantry_deg) % 360] = image, _peer(Path(folder) / name, image)
    first, moves = seen[REFERENCE], {}
    for name in SETS:
        pairs = [(first[gantry], seen[name][gantry]) for gantry in sorted(first)]
        design = np.vstack([projection(later.gantry_deg) for _, (later, _) in pairs])
        moved = np.concatenate([after - before for (_, before), (_, after) in pairs])
        readout = np.mean([np.subtract(later.couch_mm or np.nan, start.couch_mm or np.nan) for (start, _), (later, _) in pairs], axis=0)
        moves[name] = np.asarray(readout), np.asarray(np.linalg.lstsq(design, moved, rcond=None)[0])
    return moves


def _peer(path: Path, image: Image) -> Array:
    """pylinac's ball from the middle of its image, in our axes (its rows run down, v up)."""
    found = peer.image(path, DIAMETER_MM)
    scale = image.sad_mm / image.sid_mm
    rows, columns = found.shape
    u = (found.bb.x - (columns - 1) / 2) * image.spacing_mm[1] * scale
    v = -(found.bb.y - (rows - 1) / 2) * image.spacing_mm[0] * scale
    return np.array([u, v])
