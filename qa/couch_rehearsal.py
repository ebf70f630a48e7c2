"""A random couch with known truth: a ball carried to four places and back to one of them, seen from two directions.

The couch stretches, leans, wanders and has backlash; the imager is put up anew for every image, its distance, its turn and the gantry's
readout are as wrong as the uncertainties say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import numpy as np
from numpy.typing import NDArray

from phantoms.aperture import REALISTIC, SIMPLE, Rectangle
from phantoms.linac import BallSetup, Exposure, Linac, Rod, Shot, Wave, expose
from phantoms.panel import Panel
from phantoms.rays import project, to_gantry
from qa import rehearsal
from qa.acquisition import Acquisition
from qa.ball_day_rehearsal import as_panels_repeat
from qa.shots import SCALE

Array = NDArray[np.float64]
INTERVAL = timedelta(seconds=20)
WRONG_DEG = 0.1  # of a gantry readout, and of a panel's turn
PATH = np.array([(0.0, 0.0, 0.0), (3.0, 1.2, 1.2), (-1.2, 3.6, -1.2), (4.2, 2.6, 4.8), (3.0, 1.2, 1.2)])
APPROACHED = np.array([(0, 0, 0), (1, 1, 1), (-1, 1, -1), (1, -1, 1), (-1, -1, -1)])


@dataclass(frozen=True)
class Drawn:
    """The exposures stop by stop, readouts to a hundredth in them; ``readout_mm`` before rounding and ``true_mm``, (stops, 3)."""

    exposures: tuple[Exposure, ...]
    setup: BallSetup
    readout_mm: Array
    true_mm: Array
    views: int

    def acquisition(self) -> Acquisition:
        """The day, one image after the other."""
        day = rehearsal.day(self.exposures)
        images = tuple(replace(image, acquired=rehearsal.WHEN + k * INTERVAL) for k, image in enumerate(day.images))
        return replace(day, images=images)

    @property
    def write(self) -> partial[None]:
        """Writes the same as DICOM files."""
        return partial(rehearsal.write, self.exposures, 1)

    @property
    def matrix(self) -> Array:
        """(3, 3): the affine through all stops."""
        design = np.column_stack([self.readout_mm, np.ones(len(PATH))])
        return np.asarray(np.linalg.lstsq(design, self.true_mm, rcond=None)[0][:3].T)

    @property
    def residual_mm(self) -> Array:
        """(stops, 3): what that affine leaves over."""
        moved = self.true_mm - self.readout_mm @ self.matrix.T
        return np.asarray(moved - moved.mean(axis=0))


def draw(rng: np.random.Generator, views: Sequence[float] = (0.0, 90.0)) -> Drawn:
    """One couch, one ball, one machine."""
    linac, setup = a_linac(rng), a_setup(rng)
    readout = PATH * rng.uniform(0.9, 1.1, 3) + np.where(PATH == 0, 0.0, rng.normal(0, 0.02, PATH.shape)) + rng.uniform(-50, 50, 3)
    stretch = np.eye(3) + rng.normal(0, 0.01, (3, 3))
    slack = rng.normal(0, 0.1, 3)
    travel = readout - readout[0]
    true = travel @ stretch.T + rng.normal(0, 0.08, PATH.shape) + slack * APPROACHED
    true = true - true[0]
    angles = [(float(rng.uniform(-15, 15)) + angle) % 360 for angle in views]
    wrong, turns = float(rng.normal(0, WRONG_DEG)), rng.normal(0, WRONG_DEG, len(angles))
    exposures = [
        exposed(replace(linac, panel_rotation_deg=float(turn)), linac, setup, angle, wrong, where, shown, rng)
        for where, shown in zip(true, np.round(readout, 2), strict=True)
        for angle, turn in zip(angles, turns, strict=True)
    ]
    return Drawn(tuple(exposures), setup, readout, true, len(angles))


def exposed(
    linac: Linac, stated: Linac, setup: BallSetup, angle: float, wrong_deg: float, where: Array, shown: Array, rng: np.random.Generator
) -> Exposure:
    """One exposure, the panel as far off as panels repeat; the file holds what the machine believes."""
    moved = as_panels_repeat(linac, rng)
    true = Shot(gantry_deg=angle + wrong_deg, travel_mm=(float(where[0]), float(where[1]), float(where[2])))
    exposure = expose(moved, setup, [true], rng)[0]
    readout = Shot(gantry_deg=angle, travel_mm=(float(shown[0]), float(shown[1]), float(shown[2])))
    return replace(exposure, linac=stated, shot=readout)


def a_linac(rng: np.random.Generator) -> Linac:
    """A beam and a small panel that sags; pixels that are not square."""
    waves = rng.normal(0, 0.2, (2, 3))
    return Linac(
        name="rehearsal",
        serial=f"{rng.integers(10**6):06d}",
        panel=Panel("crop", 106, 126, (0.56, 0.50)),
        aperture=Rectangle(float(rng.uniform(25, 28)), float(rng.uniform(24, 26))),
        penumbra=REALISTIC if rng.random() < 0.5 else SIMPLE,
        panel_u_mm=Wave(*waves[0].tolist()),
        panel_v_mm=Wave(*waves[1].tolist()),
        receptor_mm=(float(rng.normal(0, 0.3)), float(rng.normal(0, 0.3))),
        sid_error_mm=float(rng.normal(0, SCALE * 1500.0)),
        noise_sigma=float(rng.uniform(0.002, 0.005)),
        noise_correlation=float(rng.choice([0.05, 0.4, 0.7])),
    )


def a_setup(rng: np.random.Generator) -> BallSetup:
    """A ball that the couch's path leads through the field's middle, on a rod or without."""
    x, y, z = (float(v) for v in rng.normal((-1.5, -1.8, -1.5), 0.5))
    rods = (Rod(transmission=float(rng.uniform(0.85, 0.95))),) if rng.random() < 0.5 else ()
    return BallSetup((x, y, z), float(rng.uniform(6, 8)), float(rng.uniform(0.08, 0.15)), rods=rods)


def projected_mm(drawn: Drawn, stop: int, image: int) -> Array:
    """(u, v) on the isocentre plane of true minus read-out displacement at a stop, from the direction of that image."""
    linac, shot = drawn.exposures[image].linac, drawn.exposures[image].shot
    start = np.array(drawn.setup.position_mm)
    ends = (start + drawn.true_mm[stop], start + drawn.readout_mm[stop] - drawn.readout_mm[0])
    there, believed = (
        project(to_gantry((float(e[0]), float(e[1]), float(e[2])), shot.gantry_deg), (0.0, 0.0), linac.sad_mm).uv_mm for e in ends
    )
    return np.subtract(there, believed)
