"""A random day of couch moves with known truth: a phantom made as well as its certificate says, a couch with faults, three CBCTs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms import ctseries
from phantoms.volume import Grid, Scan, Scanned, scan
from phantoms.volume_phantoms import ball_cube
from qa import rehearsal
from qa.acquisition import Acquisition
from qa.ball_position import SCALE
from qa.certificate import Ball, Body, Certificate
from qa.procedure import Rehearsal
from qa.shots import RECEPTOR_MM

Array = NDArray[np.float64]
Truth = dict[tuple[str, str], float]
MACHINE, SERIAL = "rehearsal", "0006"
PAUSE = timedelta(minutes=5)
GRID = (44, 50, 57), (1.24, 1.08, 1.0)
PLACES_MM = ((0.0, 0.0, 0.0), (13.0, 6.0, -14.0), (-6.0, -12.0, -9.0), (14.0, -12.0, 13.0))  # distances 2.5 mm apart
AXES = ("x", "y", "z", "pitch", "roll", "yaw")


@dataclass(frozen=True)
class State:
    """The couch's six readouts before they are rounded, (x, y, z mm, pitch, roll, yaw degrees), and the phantom's true pose."""

    said: Array
    rotation: Array
    place_mm: Array


def turn(pitch: float, roll: float, yaw: float) -> Array:
    """Rz(yaw) Rx(pitch) Ry(roll), by another library than the analysis'."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_euler("ZXY", [yaw, pitch, roll], degrees=True).as_matrix())


def angles(rotation: Array) -> Array:
    """(pitch, roll, yaw) in degrees."""
    from scipy.spatial.transform import Rotation

    yaw, pitch, roll = Rotation.from_matrix(rotation).as_euler("ZXY", degrees=True)
    return np.array([pitch, roll, yaw])


def certificate(rng: np.random.Generator) -> tuple[Certificate, list[tuple[float, float, float]]]:
    """A phantom of four balls of two sizes, and where they truly are: as far off as the certificate allows."""
    places = np.array(PLACES_MM) + rng.uniform(-0.4, 0.4, (len(PLACES_MM), 3))
    u = float(rng.uniform(0.01, 0.03))
    balls = tuple(
        Ball(name, round(float(place[0]), 3), round(float(place[1]), 3), round(float(place[2]), 3), diameter, (u, u, u))
        for name, place, diameter in zip("ABCD", places, (5.6, 5.6, 5.3, 5.6), strict=True)
    )
    made = [tuple(float(v) for v in np.array(ball.place_mm) + u * rng.standard_normal(3)) for ball in balls]
    start = rehearsal.WHEN.date()
    issued, expires = start - timedelta(days=100), start + timedelta(days=200)
    source = "drawn for a rehearsal"
    certified = Certificate("ball phantom", f"{rng.integers(10**4):04d}", issued, expires, source, balls, Body("cube", (34.0,) * 3))
    return certified, made  # type: ignore[return-value]


def draw(rng: np.random.Generator) -> Rehearsal:
    """Three CBCTs: the start, a shift along all axes with a turn about the vertical, a tilt."""
    seed = int(rng.integers(2**31))
    certified, made = certificate(rng)
    states, truth = _moves(rng)
    scale = rng.normal(0, SCALE, 3)
    how = Scan((float(rng.uniform(0.5, 0.7)), float(rng.uniform(0.5, 0.7))), air_hu=120.0, noise_hu=float(rng.uniform(15, 35)))
    scans = [_scanned(certified, made, state, scale, how, rng) for state in states]
    readouts = [tuple(round(float(v), 2) for v in state.said) for state in states]
    volumes = []
    for k, (scanned, said) in enumerate(zip(scans, readouts, strict=True)):
        volume = rehearsal.volume(scanned, MACHINE, couch_mm=said[:3], couch_deg=said[5] % 360, acquired=rehearsal.WHEN + k * PAUSE)  # type: ignore[arg-type]
        tags = {"TableTopPitchAngle": f"{said[3]:g}", "TableTopRollAngle": f"{said[4]:g}"}
        volumes.append(replace(volume, name=f"simulated CBCT {k + 1}", tags=tags))
    acquisition: Acquisition = replace(rehearsal.day([], volumes), certificate=certified)

    def write(folder: Path) -> None:
        for k, (scanned, said) in enumerate(zip(scans, readouts, strict=True)):
            ctseries.write(
                scanned,
                folder / f"cbct_{k + 1}",
                seed=seed,
                name=MACHINE,
                serial=SERIAL,
                start=ctseries.START + k * PAUSE,
                couch_mm=said[:3],  # type: ignore[arg-type]
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


def _scanned(
    certified: Certificate,
    made: list[tuple[float, float, float]],
    state: State,
    scale: Array,
    how: Scan,
    rng: np.random.Generator,
) -> Scanned:
    """The phantom's balls in plastic that fills the volume, by a scanner whose scale is wrong and whose panel stands a little aside."""
    place = state.place_mm + rng.normal(0, RECEPTOR_MM, 3)
    x, y, z = (float(v) for v in place)
    phantom = ball_cube(
        (x, y, z),
        state.rotation,
        balls_mm=made,
        diameters_mm=[ball.diameter_mm for ball in certified.balls],
        names=[ball.name for ball in certified.balls],
        ball_hu=float(rng.uniform(2000, 2600)),
        side_mm=0.0,
    )
    shape, pitch = GRID
    along = (1, 2, 0)  # slices along y, rows along z, columns along x
    true = tuple(float(p * (1 - scale[axis])) for p, axis in zip(pitch, along, strict=True))
    centre = tuple(float(v) for v in rng.normal(0, 0.3, 3))
    drawn = scan(phantom.solids, Grid(shape, true, tuple(c * (1 - s) for c, s in zip(centre, scale, strict=True))), rng, how)  # type: ignore[arg-type]
    return replace(drawn, grid=Grid(shape, pitch, centre))  # type: ignore[arg-type]


def write_certificate(certified: Certificate, path: Path) -> None:
    """The certificate as the file that a clinic would have."""
    lines = [f"{key} = {json.dumps(getattr(certified, key))}" for key in ("model", "serial", "source")]
    lines += [f"{key} = {_date(getattr(certified, key))}" for key in ("issued", "expires")]
    lines += ["", "[body]", f"shape = {json.dumps(certified.body.shape)}", f"size_mm = {list(certified.body.size_mm)}"]
    for ball in certified.balls:
        lines += ["", "[[balls]]", f"name = {json.dumps(ball.name)}"]
        lines += [f"{key} = {getattr(ball, key)!r}" for key in ("x_mm", "y_mm", "z_mm", "diameter_mm")]
        lines += [f"u_mm = {list(ball.u_mm)}", f"cavity = {json.dumps(ball.cavity)}"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _date(day: date) -> str:
    return day.isoformat()
