"""A five-ball cube in two drawn CBCTs, moved by a known amount: what bench/registration.py draws."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from bench.sixdof import HOW
from phantoms.solids import turned
from phantoms.volume import Grid, Scan, scan
from phantoms.volume_phantoms import ball_cube
from qa import rehearsal
from qa.acquisition import Volume
from qa.certificate import Ball, Body, Certificate

Array = NDArray[np.float64]
Motion = tuple[Array, Array]
GRID = Grid((92, 100, 108), (1.1, 1.0, 0.95))
PLACES = ((0.0, 0.0, 0.0), (13.0, 6.0, -14.0), (-6.0, -12.0, -9.0), (14.0, -12.0, 13.0), (-12.0, 14.0, 10.0))
SIDE_MM, DIAMETER_MM, U_MM = 40.0, 6.0, 0.01
MOST_MM, MOST_DEG = 20.0, 3.0
CORNERS = np.array([(0, 0, 0), *((x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1))]) * SIDE_MM / 2
NOISES = list(HOW)[:2]


@dataclass(frozen=True)
class Drawn:
    """Two scans, the true motion, and the points (9, 3) of the first whose errors count."""

    first: Volume
    later: Volume
    motion: Motion
    points: Array

    def off_mm(self, motion: Motion) -> float:
        """Root mean square over the points, mm."""
        apart = self.points @ (motion[0] - self.motion[0]).T + motion[1] - self.motion[1]
        return float(np.sqrt((apart**2).sum(axis=1).mean()))


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


def draw(seed: int, number: int, k: int) -> Drawn:
    """Draw k of a noise: up to 20 mm along and 3 degrees about every axis."""
    rng, how = np.random.default_rng([seed, 14, number, k]), HOW[NOISES[number]]
    a, b, c = (float(v) for v in rng.uniform(-MOST_DEG, MOST_DEG, 3))
    before, turn = turned((b, c, a)), turned((a, b, c))
    place, shift = rng.uniform(-1, 1, 3), rng.uniform(-MOST_MM, MOST_MM, 3)
    first, later = drawn(before, place, how, rng), drawn(turn @ before, turn @ place + shift, how, rng)
    return Drawn(first, later, (turn, shift), CORNERS @ before.T + place)
