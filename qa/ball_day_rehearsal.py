"""A random machine with its kV system, a ball, and exposures with the couch where it truly is: what rehearsals of ball tests draw from.

Imagers repeat their position and couches their readout as badly as the uncertainties say; everything else is exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from phantoms.aperture import REALISTIC, SIMPLE, Rectangle
from phantoms.kv import KvImager, kv_system
from phantoms.linac import BallSetup, Exposure, Linac, Rod, Shot, Wave, expose, view
from phantoms.meeting import ball_from_projections
from phantoms.panel import Panel
from phantoms.rays import project, to_gantry
from phantoms.view import truth as true_places
from qa import rehearsal
from qa.acquisition import Acquisition
from qa.couch_move import couch_move
from qa.shots import RECEPTOR_MM

Array = NDArray[np.float64]
Truth = dict[tuple[str, str], float]
PAUSE = timedelta(minutes=5)
BLANK_MM = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Place:
    """Where the couch stood: what it reads, and where it truly is, both from the treatment place."""

    readout_mm: tuple[float, float, float]
    true_mm: tuple[float, float, float]


def in_order(day: Acquisition, later: Sequence[Exposure]) -> Acquisition:
    """The day with what was exposed after the couch correction some minutes later than the rest."""
    digests = {hashlib.sha256(exposure.pixels.tobytes()).hexdigest() for exposure in later}
    images = tuple(replace(i, acquired=rehearsal.WHEN + PAUSE) if i.sha256 in digests else i for i in day.images)
    return replace(day, images=images)


def a_place(rng: np.random.Generator, spread_mm: float) -> Place:
    """A couch place whose readout is as wrong as couch readouts are taken to be."""
    x, y, z = (round(float(v), 2) for v in rng.normal(0, spread_mm, 3))
    u = couch_move((x, y, z), BLANK_MM, 0.0).u_mm
    true = tuple(float(v) for v in (x, y, z) + u * rng.standard_normal(3))
    return Place((x, y, z), (true[0], true[1], true[2]))


def a_linac(rng: np.random.Generator) -> Linac:
    """A treatment beam with faults of clinical size; a small panel with pixels that are not square."""
    waves = rng.normal(0, 0.15, (4, 3))
    return Linac(
        name="rehearsal",
        serial=f"{rng.integers(10**6):06d}",
        panel=Panel("crop", 118, 134, (0.56, 0.50)),
        aperture=Rectangle(float(rng.uniform(18, 26)), float(rng.uniform(18, 24))),
        penumbra=REALISTIC if rng.random() < 0.5 else SIMPLE,
        head_u_mm=Wave(*waves[0].tolist()),
        head_v_mm=Wave(*waves[1].tolist()),
        panel_u_mm=Wave(*(2 * waves[2]).tolist()),
        panel_v_mm=Wave(*(2 * waves[3]).tolist()),
        receptor_mm=(float(rng.normal(0, 0.3)), float(rng.normal(0, 0.3))),
        noise_sigma=float(rng.uniform(0.002, 0.005)),
        noise_correlation=float(rng.choice([0.05, 0.4, 0.7])),
    )


def a_kv_system(linac: Linac, rng: np.random.Generator) -> Linac:
    """Its kV system: an isocentre of its own, sag, and a small panel that the open field covers."""
    waves = rng.normal(0, 0.1, (2, 2))
    x, y, z = (float(v) for v in rng.normal(0, 0.4, 3))
    imager = KvImager(
        panel=Panel("kV crop", 150, 176, (0.48, 0.44)),
        blades_mm=(-100.0, 100.0, -100.0, 100.0),
        isocentre_mm=(x, y, z),
        sag_u_mm=Wave(0.0, 0.0, 0.0, *waves[0].tolist()),
        sag_v_mm=Wave(0.0, *waves[1].tolist()),
        receptor_mm=(float(rng.normal(0, 0.3)), float(rng.normal(0, 0.3))),
        noise_sigma=float(rng.uniform(0.002, 0.005)),
    )
    return kv_system(linac, imager)


def a_setup(rng: np.random.Generator) -> BallSetup:
    """A ball off the isocentre, on a rod towards the couch's foot or without."""
    x, y, z = (float(v) for v in rng.normal(0, 0.6, 3))
    rods = (Rod(transmission=float(rng.uniform(0.85, 0.95))),) if rng.random() < 0.5 else ()
    return BallSetup((x, y, z), float(rng.uniform(6, 8)), float(rng.uniform(0.08, 0.15)), rods=rods)


def as_panels_repeat(linac: Linac, rng: np.random.Generator) -> Linac:
    """The machine with its panel as far from its place as panels repeat."""
    u, v = rng.normal(0, RECEPTOR_MM * linac.sid_mm / linac.sad_mm, 2)
    return replace(
        linac,
        panel_u_mm=replace(linac.panel_u_mm, mean=linac.panel_u_mm.mean + float(u)),
        panel_v_mm=replace(linac.panel_v_mm, mean=linac.panel_v_mm.mean + float(v)),
    )


def exposed(linac: Linac, setup: BallSetup, shot: Shot, place: Place, rng: np.random.Generator) -> Exposure:
    """One exposure with the couch where it truly is and the panel as far off as panels repeat; the file holds the readout."""
    exposure = expose(as_panels_repeat(linac, rng), setup, [replace(shot, travel_mm=place.true_mm)], rng)[0]
    return replace(exposure, linac=linac, shot=replace(shot, travel_mm=place.readout_mm))


def system(
    kind: str, linac: Linac, setup: BallSetup, shots: Sequence[Shot], place: Place, ball: Array, uids: Sequence[str], name: str
) -> Truth:
    """What an imaging system should find: the panel stands where its sag puts it, its scatter is noise."""
    truth: Truth = {}
    places = [seen(linac, setup, replace(shot, travel_mm=place.true_mm)) for shot in shots]
    angles = [shot.gantry_deg for shot in shots]
    found = ball_from_projections(places, angles, linac.sad_mm)
    at_imaging = ball + place.true_mm
    offsets = []
    for w, shot, uid in zip(places, shots, uids, strict=True):
        from_treatment = _projected(linac, at_imaging, shot)
        offset, residual = np.subtract(from_treatment, w), np.subtract(_projected(linac, np.array(found), shot), w)
        offsets.append(float(np.hypot(*offset)))
        for axis, letter in enumerate("uv"):
            truth[f"{kind}_offset_{letter}", uid] = float(offset[axis])
            truth[f"{kind}_residual_{letter}", uid] = float(residual[axis])
    vector = at_imaging - np.array(found)
    for k, along in enumerate("xyz"):
        truth[f"{kind}_ball_{along}", name] = float(found[k])
        truth[f"{kind}_isocenter_{along}", name] = float(vector[k])
        if kind == "kv":
            truth[f"kv_couch_move_{along}", name] = -place.true_mm[k]
    truth[f"{kind}_isocenter_distance", name] = float(np.linalg.norm(vector))
    truth[f"{kind}_isocenter_max_2d", name] = max(offsets)
    return truth


def _projected(linac: Linac, point: Array, shot: Shot) -> tuple[float, float]:
    x, y, z = (float(v) for v in point)
    return project(to_gantry((x, y, z), shot.gantry_deg), (0.0, 0.0), linac.sad_mm).uv_mm


def seen(linac: Linac, setup: BallSetup, shot: Shot) -> tuple[float, float]:
    """The ball in the imager's own coordinates, on the isocentre plane as the machine believes it to be."""
    row, column = true_places(view(linac, setup, shot)).ball_px[0]
    down, right = linac.panel.pitch_mm
    u = (column - linac.panel.centre_px[1]) * right + linac.receptor_mm[0]
    v = -(row - linac.panel.centre_px[0]) * down + linac.receptor_mm[1]
    return u * linac.sad_mm / linac.sid_mm, v * linac.sad_mm / linac.sid_mm
