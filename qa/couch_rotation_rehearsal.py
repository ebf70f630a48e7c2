"""A random couch that turns about a wandering axis, and what its path should say.

The truth is that of the true places: the circle nearest to them by another optimiser, and where they stand on it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from phantoms.aperture import REALISTIC, SIMPLE, Rectangle
from phantoms.linac import BallSetup, Exposure, Linac, Rod, Shot, Wave, expose
from phantoms.panel import Panel
from qa import rehearsal
from qa.procedure import Rehearsal
from qa.shots import RECEPTOR_MM

Array = NDArray[np.float64]
COUCH_DEG = (0.0, 50.0, 90.0, 130.0, 230.0, 270.0, 310.0)


def draw(rng: np.random.Generator) -> Rehearsal:
    """Seven couch angles from above, a ball some 9 mm off the axis."""
    linac = _linac(rng)
    start, axis = float(rng.uniform(0, 2 * np.pi)), rng.normal(0, 0.4, 2)
    arm, height = float(rng.uniform(8, 10)), float(rng.normal(0, 10.0))
    read = [(angle + float(rng.normal(0, 2.0))) % 360 for angle in COUCH_DEG]
    true = np.radians(np.array(read) + rng.normal(0, 0.5, len(read))) + start
    places = axis + arm * np.column_stack([np.cos(true), np.sin(true)]) + rng.normal(0, 0.15, (len(read), 2))
    rods = (Rod(transmission=float(rng.uniform(0.85, 0.95))),) if rng.random() < 0.5 else ()
    width, mu = float(rng.uniform(5, 7)), float(rng.uniform(0.1, 0.15))
    exposures = []
    for (x, y), angle in zip(places, read, strict=True):
        setup = BallSetup((float(x), float(y), height), width, mu, rods=rods)
        exposures.append(_exposed(linac, setup, angle, rng))
    acquisition = rehearsal.acquisition(exposures)
    uids = [image.sop_instance_uid for image in acquisition.images]
    beam, source = np.array(linac.axis_uv_mm(Shot())), np.array(linac.source_uv_mm(Shot()))
    aside = source * (1 - linac.sad_mm / linac.sid_mm)  # a spot off the axis moves what the panel shows of the isocentre plane
    seed = int(rng.integers(2**31))
    return Rehearsal(acquisition, _truth(places, read, beam, aside, uids), partial(rehearsal.write, exposures, seed))


def _exposed(linac: Linac, setup: BallSetup, angle: float, rng: np.random.Generator) -> Exposure:
    """One exposure of the ball where the couch truly took it; the file holds the couch's readout."""
    u, v = rng.normal(0, RECEPTOR_MM * linac.sid_mm / linac.sad_mm, 2)
    moved = replace(linac, panel_u_mm=Wave(float(u)), panel_v_mm=Wave(float(v)))
    exposure = expose(moved, setup, [Shot()], rng)[0]
    return replace(exposure, linac=linac, shot=Shot(couch_deg=angle))


def _linac(rng: np.random.Generator) -> Linac:
    return Linac(
        name="rehearsal",
        serial=f"{rng.integers(10**6):06d}",
        panel=Panel("crop", 120, 142, (0.56, 0.50)),
        aperture=Rectangle(float(rng.uniform(32, 34)), float(rng.uniform(31, 33))),
        penumbra=REALISTIC if rng.random() < 0.5 else SIMPLE,
        head_u_mm=Wave(float(rng.normal(0, 0.2))),
        head_v_mm=Wave(float(rng.normal(0, 0.2))),
        receptor_mm=(float(rng.normal(0, 0.3)), float(rng.normal(0, 0.3))),
        noise_sigma=float(rng.uniform(0.002, 0.005)),
        noise_correlation=float(rng.choice([0.05, 0.4, 0.7])),
    )


def _truth(places: Array, read: list[float], beam: Array, aside: Array, uids: list[str]) -> dict[tuple[str, str], float]:
    from scipy.optimize import minimize

    def spread(centre: Array) -> float:
        return float(np.var(np.hypot(*(places - centre).T)))

    centre = minimize(spread, places.mean(axis=0), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}).x
    distance, angle = np.hypot(*(places - centre).T), np.degrees(np.arctan2(*(places - centre).T[::-1]))
    first = min(range(len(read)), key=lambda k: min(read[k], 360 - read[k]))
    shown = [(r - read[first] + 180) % 360 - 180 for r in read]
    error = [(a - angle[first] - s + 180) % 360 - 180 for a, s in zip(angle, shown, strict=True)]
    truth = {("couch_turn_error", uid): float(e) for k, (uid, e) in enumerate(zip(uids, error, strict=True)) if k != first}
    return truth | {
        ("couch_turn_error_max", ""): float(np.abs(error).max()),
        ("couch_turn_scale", ""): 1 + float(np.polyfit(shown, error, 1)[0]),
        ("couch_turn_axis_x", ""): float(centre[0] - aside[0]),
        ("couch_turn_axis_y", ""): float(centre[1] - aside[1]),
        ("couch_turn_axis_offset", ""): float(np.hypot(*(centre - beam))),
        ("couch_turn_wander", ""): float(np.abs(distance - distance.mean()).max()),
        ("couch_turn_arm", ""): float(distance.mean()),
    }
