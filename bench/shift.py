"""Row 5: the vector from the ball to the treatment isocentre, from a set of images of a machine with every fault."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import peer
from bench.scenes import cut
from bench.table import Errors, Row, both, progress, refusals, within
from phantoms import rtimage
from phantoms.linac import BallSetup, BeamAxis, Linac, Rod, Shot, beam_axes, expose, typical
from phantoms.meeting import smallest_sphere
from qa import dicom
from qa.procedure import load
from qa.reading import Measured

Array = NDArray[np.float64]
GOAL_MM = 0.01
DIAMETER_MM = 7.0
SHOTS = (*(Shot(gantry_deg=g) for g in (0.0, 90.0, 180.0, 270.0)), Shot(collimator_deg=90.0), Shot(collimator_deg=270.0))


@dataclass(frozen=True)
class Shifts:
    """Ball to isocentre in F, mm; None with the reason where there is no answer."""

    smallest: Array | None
    least_squares: Array | None
    peer: Array | None
    reasons: tuple[str, str]
    truth_smallest: Array
    truth_least_squares: Array


def machine(rng: np.random.Generator, noise: bool = True) -> Linac:
    """The typical machine, its panel cut and its stated distance wrong by as much as the readings say; without noise if asked."""
    linac = replace(typical(), panel=cut(typical().panel, 1500.0), sid_error_mm=float(rng.normal(0, 0.75)), panel_rotation_deg=0.0)
    return linac if noise else replace(linac, noise_sigma=0.0)


def compare(rng: np.random.Generator, noise: bool = True, with_peer: bool = True) -> Shifts:
    """One set: four gantry and two more collimator angles, a ball about 1 mm off on a rod."""
    linac = machine(rng, noise)
    place = tuple(float(x) for x in rng.normal(0, 0.6, 3))
    setup = BallSetup((place[0], place[1], place[2]), DIAMETER_MM, rods=(Rod(),))
    axes = beam_axes(linac, SHOTS)
    ball = np.array(place)
    smallest, least = smallest_sphere(axes)[0] - ball, nearest_to_all(axes) - ball
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rtimage.write(expose(linac, setup, SHOTS, rng), folder, seed=0)
        ours = _ours(folder)
        theirs, failed = _peer(folder) if with_peer else (None, "")
    return Shifts(*ours[:2], theirs, (ours[2], failed), smallest, least)


def nearest_to_all(axes: Sequence[BeamAxis]) -> Array:
    """The point with the smallest sum of squared distances to lines."""
    across = np.array([np.eye(3) - np.outer(a.direction, a.direction) for a in axes])
    return np.asarray(np.linalg.solve(across.sum(axis=0), np.einsum("nij,nj->i", across, [a.source_mm for a in axes])))


def _ours(folder: Path) -> tuple[Array | None, Array | None, str]:
    with dicom.opened([folder]) as batch:
        (acquisition,) = batch.acquisitions
        readings = {r.quantity.key: r for r in load("winston_lutz").analyse(acquisition).readings}
    found = []
    for keys in (("ball_shift_x", "ball_shift_y", "ball_shift_z"), ("ball_shift_ls_x", "ball_shift_ls_y", "ball_shift_ls_z")):
        chosen = [readings[key] for key in keys]
        if not all(isinstance(r, Measured) and not r.missing for r in chosen):
            return None, None, getattr(chosen[0], "reason", "") or getattr(chosen[0], "missing", "")
        found.append(np.array([r.value for r in chosen]))
    return found[0], found[1], ""


def _peer(folder: Path) -> tuple[Array | None, str]:
    try:
        return peer.shift_mm(folder, DIAMETER_MM), ""
    except Exception as error:  # a peer may fail as it likes: it is counted as refused
        return None, f"{type(error).__name__}: {error}"


def row(n: int, seed: Sequence[int], noise: bool, with_peer: bool = True) -> list[Row]:
    """3D errors: both of our centres against their own truths, pylinac's least squares against the least-squares truth."""
    errors = [Errors(), Errors(), Errors()]
    for k in progress(range(n), "3D shifts"):
        found = compare(np.random.default_rng([*seed, k]), noise, with_peer)
        for total, value, truth, reason in zip(
            errors,
            (found.smallest, found.least_squares, found.peer),
            (found.truth_smallest, found.truth_least_squares, found.truth_least_squares),
            (found.reasons[0], *found.reasons),
            strict=True,
        ):
            total.add(None if value is None else value - truth, reason)
    smallest, least, theirs = errors
    kind = "0.3 % noise, correlated 0.8" if noise else "no noise"
    other = str(theirs) if with_peer else "-"
    remarks = (*refusals(smallest.refused, "ours"), *refusals(theirs.refused if with_peer else type(theirs.refused)(), "pylinac"))
    verdicts = [both(within(e.rms, GOAL_MM), within(e.largest, GOAL_MM)) for e in (smallest, least)]
    goal = f"{GOAL_MM:g} / {GOAL_MM:g} mm"
    return [
        Row(f"5 3D shift, smallest sphere, {kind}, rms / max", n, goal, str(smallest), "-", verdicts[0], remarks=remarks),
        Row(f"5 3D shift, least squares, {kind}, rms / max", n, goal, str(least), other, verdicts[1]),
    ]


def rows(quick: bool, seed: int) -> list[Row]:
    """Row 5."""
    return [*row(3 if quick else 10, (seed, 40), noise=False), *row(6 if quick else 40, (seed, 41), noise=True)]
