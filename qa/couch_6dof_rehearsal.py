"""A random day of couch moves with known truth: a phantom made as well as its certificate says, a couch with faults, three CBCTs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms import ctseries
from phantoms.volume import Scan
from phantoms.volume_grid import point
from qa import rehearsal
from qa.acquisition import Acquisition
from qa.ball_phantom_rehearsal import angles, certificate, scanned, turn, write_certificate
from qa.ball_position import SCALE
from qa.procedure import Rehearsal
from qa.shots import RECEPTOR_MM

Array = NDArray[np.float64]
Truth = dict[tuple[str, str], float]
MACHINE, SERIAL = "rehearsal", "0006"
PAUSE = timedelta(minutes=5)
AXES = ("x", "y", "z", "pitch", "roll", "yaw")


@dataclass(frozen=True)
class State:
    """The couch's six readouts before they are rounded, (x, y, z mm, pitch, roll, yaw degrees), and the phantom's true pose."""

    said: Array
    rotation: Array
    place_mm: Array


def draw(rng: np.random.Generator) -> Rehearsal:
    """Three CBCTs: the start, a shift along all axes with a turn about the vertical, a tilt."""
    seed = int(rng.integers(2**31))
    certified, made = certificate(rng)
    states, truth = _moves(rng)
    scale = rng.normal(0, SCALE, 3)
    how = Scan((float(rng.uniform(0.5, 0.7)), float(rng.uniform(0.5, 0.7))), air_hu=120.0, noise_hu=float(rng.uniform(15, 35)))
    scans = [scanned(certified, made, one.rotation, one.place_mm + rng.normal(0, RECEPTOR_MM, 3), scale, how, rng) for one in states]
    readouts = [tuple(round(float(v), 2) for v in state.said) for state in states]
    volumes = []
    for k, (one, said) in enumerate(zip(scans, readouts, strict=True)):
        volume = rehearsal.volume(one, MACHINE, couch_mm=point(said[:3]), couch_deg=said[5] % 360, acquired=rehearsal.WHEN + k * PAUSE)
        tags = {"TableTopPitchAngle": f"{said[3]:g}", "TableTopRollAngle": f"{said[4]:g}"}
        volumes.append(replace(volume, name=f"simulated CBCT {k + 1}", tags=tags))
    acquisition: Acquisition = replace(rehearsal.day([], volumes), certificate=certified)

    def write(folder: Path) -> None:
        for k, (one, said) in enumerate(zip(scans, readouts, strict=True)):
            ctseries.write(
                one,
                folder / f"cbct_{k + 1}",
                seed=seed,
                name=MACHINE,
                serial=SERIAL,
                start=ctseries.START + k * PAUSE,
                couch_mm=point(said[:3]),
                couch_deg=said[5] % 360,
                tilt_deg=(said[3], said[4]),
            )
        year = ctseries.START.date()
        write_certificate(
            replace(certified, issued=year - timedelta(days=100), expires=year + timedelta(days=200)), folder / "certificate.toml"
        )

    return Rehearsal(acquisition, truth, write)


def _moves(rng: np.random.Generator) -> tuple[list[State], Truth]:
    """Where the couch went, what it says, and what a measurement should find."""
    start = np.concatenate([rng.uniform(-200, 200, 3), rng.uniform(-0.5, 0.5, 2), rng.uniform(-1, 1, 1)])
    first = State(start, turn(*rng.uniform(-2, 2, 3)), rng.uniform(-2, 2, 3) * 0.5)
    shifted, tilted = start.copy(), start.copy()
    shifted[:3] += rng.choice([-1, 1], 3) * rng.uniform(5.4, 6.4, 3)
    shifted[5] += rng.choice([-1, 1]) * rng.uniform(0.7, 2.0)
    tilted[:3] += rng.uniform(-2, 2, 3)
    tilted[3:5] += rng.choice([-1, 1], 2) * rng.uniform(0.7, 2.0, 2)
    states, truth = [first], Truth()
    errors = []
    for name, said in (("CBCT 2", shifted), ("CBCT 3", tilted)):
        wrong = np.concatenate([rng.normal(0, 0.3, 3), rng.normal(0, 0.25, 3)])
        before, after = turn(*start[3:]), turn(*said[3:])
        rotation = turn(*wrong[3:]) @ after @ before.T
        shift = turn(0.0, 0.0, said[5]) @ (said[:3] - start[:3]) + wrong[:3]
        states.append(State(said, rotation @ first.rotation, rotation @ first.place_mm + shift))
        truth |= {
            (f"couch6d_{'move' if k < 3 else 'turn'}_{a}", name): float(v)
            for k, (a, v) in enumerate(zip(AXES, [*shift, *angles(rotation)], strict=True))
        }
        known = range(6) if name == "CBCT 2" else range(3, 6)
        truth |= {(f"couch6d_error_{AXES[k]}", name): float(wrong[k]) for k in known}
        still = (3, 4) if name == "CBCT 2" else (5,)
        truth["couch6d_coupling_turn", name] = float(np.linalg.norm(wrong[list(still)]))
        errors.append(wrong)
    for k, axis in enumerate(AXES):
        truth[f"couch6d_max_error_{axis}", ""] = float(max(abs(wrong[k]) for wrong in (errors[:1] if k < 3 else errors)))
    return states, truth
