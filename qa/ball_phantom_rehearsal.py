"""A random certified phantom of four balls, and CBCT volumes of it at any pose: what rehearsals of ball phantoms draw from."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms.volume import Grid, Scan, Scanned, scan
from phantoms.volume_grid import point
from phantoms.volume_phantoms import ball_cube
from qa import rehearsal
from qa.certificate import Ball, Body, Certificate

Array = NDArray[np.float64]
GRID = (44, 50, 57), (1.24, 1.08, 1.0)
PLACES_MM = ((0.0, 0.0, 0.0), (13.0, 6.0, -14.0), (-6.0, -12.0, -9.0), (14.0, -12.0, 13.0))  # distances 2.5 mm apart


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
    made = [point(np.array(ball.place_mm) + u * rng.standard_normal(3)) for ball in balls]
    start = rehearsal.WHEN.date()
    issued, expires = start - timedelta(days=100), start + timedelta(days=200)
    source = "drawn for a rehearsal"
    certified = Certificate("ball phantom", f"{rng.integers(10**4):04d}", issued, expires, source, balls, Body("cube", (34.0,) * 3))
    return certified, made


def scanned(
    certified: Certificate,
    made: list[tuple[float, float, float]],
    rotation: Array,
    place_mm: Array,
    scale: Array,
    how: Scan,
    rng: np.random.Generator,
) -> Scanned:
    """The phantom's balls in plastic that fills the volume, by a scanner whose scale is wrong."""
    x, y, z = (float(v) for v in place_mm)
    phantom = ball_cube(
        (x, y, z),
        rotation,
        balls_mm=made,
        diameters_mm=[ball.diameter_mm for ball in certified.balls],
        names=[ball.name for ball in certified.balls],
        ball_hu=float(rng.uniform(2000, 2600)),
        side_mm=0.0,
    )
    shape, pitch = GRID
    along = (1, 2, 0)  # slices along y, rows along z, columns along x
    true = point(p * (1 - scale[axis]) for p, axis in zip(pitch, along, strict=True))
    centre = point(rng.normal(0, 0.3, 3))
    drawn = scan(phantom.solids, Grid(shape, true, point(c * (1 - s) for c, s in zip(centre, scale, strict=True))), rng, how)
    return replace(drawn, grid=Grid(shape, pitch, centre))


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
