"""A random couch top with known truth: a ball set down anew at every extension, with the couch empty and with a load on it.

The top sinks as it goes out, more with the load, and is not flat; feet, readouts and imager are as wrong as the uncertainties say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms import rtimage
from phantoms.aperture import Rectangle
from phantoms.linac import Exposure
from phantoms.panel import Panel
from qa import couch_rehearsal, rehearsal
from qa.acquisition import Acquisition
from qa.couch_move import COUCH_GAIN
from qa.couch_sag_heights import FOOT_MM
from qa.procedure import Rehearsal

Array = NDArray[np.float64]
Truth = dict[tuple[str, str], float]
UNLOADED_MM, LOADED_MM = np.array([0.0, 150.0, 300.0, 450.0]), np.array([0.0, 300.0, 450.0])
UNEVEN_MM, UNEVEN_LOADED_MM = 0.15 * np.array([-1.0, 3.0, -3.0, 1.0]), 0.15 * np.array([-1.0, 3.0, -2.0])  # no model follows it
INTERVAL, PAUSE = timedelta(seconds=20), timedelta(minutes=15)
VIEWS_DEG = (0.0, 90.0)


@dataclass(frozen=True)
class Pass:
    """A load, the longitudinal readouts, the couch's true height minus its readout there, and the exposures, two of a stop."""

    load: str
    extension_mm: Array
    height_mm: Array
    exposures: tuple[Exposure, ...]

    @property
    def parts(self) -> list[str]:
        """What the readings of every stop carry."""
        return [f"{round(e / 10) * 10} mm" for e in self.extension_mm]


def draw(rng: np.random.Generator) -> Rehearsal:
    """Four extensions without and three with the load, from two directions that cross."""
    linac = replace(
        couch_rehearsal.a_linac(rng),
        panel=Panel("crop", 78, 96, (0.56, 0.50)),
        aperture=Rectangle(float(rng.uniform(19, 20)), float(rng.uniform(18, 19))),
    )
    setup = replace(couch_rehearsal.a_setup(rng), position_mm=(0.0, 0.0, 0.0))
    start, gain = float(rng.uniform(-30, 30)), float(rng.normal(0, COUCH_GAIN))
    low, bend, load, more = rng.uniform(1.5, 2.5), rng.uniform(1.5, 2.5), rng.uniform(0.4, 1.5), rng.uniform(0.5, 1.5)
    angles = [(float(rng.uniform(-15, 15)) + angle) % 360 for angle in VIEWS_DEG]
    wrong, turns = float(rng.normal(0, couch_rehearsal.WRONG_DEG)), rng.normal(0, couch_rehearsal.WRONG_DEG, len(angles))
    middle = rng.normal(0, 0.5, 3)
    passes = []
    for name, along, uneven, on in (("unloaded", UNLOADED_MM, UNEVEN_MM, 0.0), ("loaded", LOADED_MM, UNEVEN_LOADED_MM, 1.0)):
        out = along / 450.0
        height = uneven - low * out - bend * out**2 - on * (load + more * out**1.5)
        readout = np.stack(
            [rng.normal(0, 1.0, len(along)), start + along + rng.normal(0, 0.02, len(along)), rng.normal(0, 2.0, len(along))], axis=1
        )
        true = middle + rng.normal(0, 0.6, (len(along), 3))
        true[:, 2] = middle[2] + 0.3 * height  # the vertical is driven so that the ball stays in the middle, by most of the sag
        readout[:, 2] = (true[:, 2] - height + rng.normal(0, 0.5, len(along))) / (1 + gain)
        true[:, 2] = (1 + gain) * readout[:, 2] + height + rng.normal(0, FOOT_MM, len(along))
        exposures = [
            couch_rehearsal.exposed(replace(linac, panel_rotation_deg=float(turn)), linac, setup, angle, wrong, where, shown, rng)
            for where, shown in zip(true, np.round(readout, 2), strict=True)
            for angle, turn in zip(angles, turns, strict=True)
        ]
        passes.append(Pass(name, readout[:, 1], height - height[0], tuple(exposures)))
    lowering = np.array([load, load + more * (2 / 3) ** 1.5, load + more]) + (UNEVEN_MM[[0, 2, 3]] - UNEVEN_LOADED_MM)

    def write(folder: Path) -> None:
        for k, one in enumerate(passes):
            rtimage.write(one.exposures, folder / one.load, seed=1, start=rtimage.FIRST_EXPOSURE + k * PAUSE)

    return Rehearsal(_acquisition(passes), truth(passes, lowering), write)


def _acquisition(passes: Sequence[Pass]) -> Acquisition:
    """The day, one pass after the other, with the words in the series description."""
    day = rehearsal.day([exposure for one in passes for exposure in one.exposures])
    images = iter(day.images)
    told = [
        replace(next(images), acquired=rehearsal.WHEN + k * PAUSE + j * INTERVAL, tags={"SeriesDescription": f"couch sag, {one.load}"})
        for k, one in enumerate(passes)
        for j in range(len(one.exposures))
    ]
    return replace(day, images=tuple(told))


def truth(passes: Sequence[Pass], lowering_mm: Array) -> Truth:
    """Everything that a test of the couch's sag should find; the model is the least-squares one through the true heights."""
    found: Truth = {
        ("couch_sag_load", "MV loaded - unloaded"): float(lowering_mm[np.abs(lowering_mm).argmax()]),
        ("couch_sag_load_start", "MV loaded - unloaded"): float(lowering_mm[0]),
    }
    for one in passes:
        name, height = f"MV {one.load}", one.height_mm
        for part, value in list(zip(one.parts, height, strict=True))[1:]:
            found["couch_sag_height", f"{name} {part}"] = float(value)
        found["couch_sag_max", name] = float(-height[np.abs(height).argmax()])
        out = (one.extension_mm - one.extension_mm[0]) / 100.0
        degree = len(height) - 2
        fitted = np.polynomial.polynomial.polyfit(out, height, degree)
        for key, value in zip(("couch_sag_offset", "couch_sag_slope", "couch_sag_curve"), fitted, strict=False):
            found[key, name] = float(value)
        left = height - np.polynomial.polynomial.polyval(out, fitted)
        found["couch_sag_residual", name] = float(np.abs(left).max())
    return found
