"""A random Winston-Lutz set with known truth: machine, panel, ball, rod, noise and angles are all drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from phantoms.aperture import REALISTIC, SIMPLE, Leaves, Rectangle
from phantoms.linac import BallSetup, Exposure, Linac, Rod, Shot, Wave, beam_axes, expose, view
from phantoms.machine import BeamAxis
from phantoms.meeting import smallest_circle, smallest_sphere
from phantoms.panel import Panel
from phantoms.rays import to_gantry, turn
from phantoms.view import truth as true_places
from qa import rehearsal
from qa.procedure import Rehearsal
from qa.shots import RECEPTOR_MM

Truth = dict[tuple[str, str], float]


def draw(rng: np.random.Generator) -> Rehearsal:
    """Four gantry, two more collimator and two more couch angles, on a cropped panel with pixels that are not square."""
    seed = int(rng.integers(2**31))
    linac, setup = _linac(rng), _setup(rng)
    start = rng.uniform(-40, 40)
    shots = [Shot(gantry_deg=(start + 90 * k + rng.uniform(-10, 10)) % 360) for k in range(4)] + [Shot()]
    shots += [Shot(collimator_deg=float(c)) for c in (rng.uniform(60, 100), rng.uniform(260, 300))]
    shots += [Shot(couch_deg=float(c)) for c in (rng.uniform(60, 90), rng.uniform(270, 300))]
    exposures = [_moved_panel(linac, setup, shot, rng) for shot in shots]
    acquisition = rehearsal.acquisition(exposures)
    uids = [image.sop_instance_uid for image in acquisition.images]
    truth = _per_image(linac, setup, exposures, uids) | _per_set(linac, setup, shots, exposures)
    return Rehearsal(acquisition, truth, partial(rehearsal.write, exposures, seed))


def _linac(rng: np.random.Generator) -> Linac:
    """A machine with every fault of clinical size, and a panel that a small crop of a real one would be."""
    size = float(rng.uniform(18, 26))
    aperture = Leaves(size, 20.0) if rng.random() < 0.3 else Rectangle(size, float(rng.uniform(18, 24)))
    waves = rng.normal(0, 0.15, (4, 3))
    return Linac(
        name="rehearsal",
        serial=f"{rng.integers(10**6):06d}",
        panel=Panel("crop", 118, 134, (0.56, 0.50)),
        aperture=aperture,
        penumbra=REALISTIC if rng.random() < 0.5 else SIMPLE,
        head_u_mm=Wave(*waves[0].tolist()),
        head_v_mm=Wave(*waves[1].tolist()),
        panel_u_mm=Wave(*(2 * waves[2]).tolist()),
        panel_v_mm=Wave(*(2 * waves[3]).tolist()),
        receptor_mm=(float(rng.normal(0, 0.3)), float(rng.normal(0, 0.3))),
        sid_error_mm=float(rng.normal(0, 0.5)),
        collimator_axis_mm=(float(rng.normal(0, 0.2)), float(rng.normal(0, 0.2))),
        collimator_walkout_mm=float(rng.uniform(0.1, 0.5)),
        couch_axis_mm=(float(rng.normal(0, 0.4)), float(rng.normal(0, 0.4))),
        noise_sigma=float(rng.uniform(0.002, 0.005)),
        noise_correlation=float(rng.choice([0.05, 0.4, 0.7])),
    )


def _setup(rng: np.random.Generator) -> BallSetup:
    """A ball off the isocentre, on a rod towards the couch's foot or without."""
    place = rng.normal(0, 0.6, 3)
    rods = (Rod(transmission=float(rng.uniform(0.85, 0.95))),) if rng.random() < 0.5 else ()
    position = (float(place[0]), float(place[1]), float(place[2]))
    return BallSetup(position, float(rng.uniform(5, 8)), float(rng.uniform(0.08, 0.15)), float(rng.uniform(0.4, 0.7)), rods=rods)


def _moved_panel(linac: Linac, setup: BallSetup, shot: Shot, rng: np.random.Generator) -> Exposure:
    """One exposure, with the panel as far from where it belongs as panels repeat."""
    u, v = rng.normal(0, RECEPTOR_MM * linac.sid_mm / linac.sad_mm, 2)
    moved = replace(
        linac,
        panel_u_mm=replace(linac.panel_u_mm, mean=linac.panel_u_mm.mean + float(u)),
        panel_v_mm=replace(linac.panel_v_mm, mean=linac.panel_v_mm.mean + float(v)),
    )
    return replace(expose(moved, setup, [shot], rng)[0], linac=linac)


def _per_image(linac: Linac, setup: BallSetup, exposures: Sequence[Exposure], uids: Sequence[str]) -> Truth:
    """Ball, field and panel of every image; the panel stands where the machine's sag puts it, its scatter being noise."""
    truth: Truth = {}
    shrink = linac.sad_mm / linac.sid_mm
    for exposure, uid in zip(exposures, uids, strict=True):
        ball, field = exposure.truth.ball_uv_mm[0], exposure.truth.field_uv_mm
        nominal = true_places(view(linac, setup, exposure.shot))
        for k, axis in enumerate("uv"):
            truth[f"ball_offset_{axis}", uid] = ball[k] - field[k]
            truth[f"ball_panel_{axis}", uid] = _from_centre(linac.panel, nominal.ball_px[0])[k] * shrink
            truth[f"panel_offset_{axis}", uid] = (_from_centre(linac.panel, nominal.field_px)[k] + linac.receptor_mm[k]) * shrink
    return truth


def _from_centre(panel: Panel, place_px: tuple[float, float]) -> tuple[float, float]:
    """(u, v) in mm on the panel of a pixel position."""
    down, right = (place - centre for place, centre in zip(place_px, panel.centre_px, strict=True))
    return right * panel.pitch_mm[1], -down * panel.pitch_mm[0]


def _per_set(linac: Linac, setup: BallSetup, shots: Sequence[Shot], exposures: Sequence[Exposure]) -> Truth:
    """Isocentre, sizes and axes from the machine's own beam axes, by an optimiser of their own."""
    truth: Truth = {}
    offsets = [np.hypot(*np.subtract(e.truth.ball_uv_mm[0], e.truth.field_uv_mm)) for e in exposures]
    truth["max_ball_offset", ""], truth["median_ball_offset", ""] = float(max(offsets)), float(np.median(offsets))
    axes = beam_axes(linac, tuple(shots))
    still = [k for k, shot in enumerate(shots) if shot.couch_deg == 0]
    isocentre, _ = smallest_sphere([axes[k] for k in still])
    shift = isocentre - np.array(setup.position_mm)
    for k, axis in enumerate("xyz"):
        truth[f"ball_shift_{axis}", ""] = float(shift[k])
    truth["ball_shift_length", ""] = float(np.linalg.norm(shift))
    gantry = [k for k in still if shots[k].collimator_deg == 0]
    truth["isocenter_size_gantry", ""] = 2 * smallest_sphere([axes[k] for k in gantry])[1]
    from_couch = [_as_couch_sees(linac, axis, shot.couch_deg) for axis, shot in zip(axes, shots, strict=True)]
    truth["isocenter_size_all", ""] = 2 * smallest_sphere(from_couch)[1]
    upright = [k for k in still if shots[k].gantry_deg == 0]
    truth["isocenter_size_collimator", ""] = 2 * smallest_circle([_foot(axes[k]) for k in upright])[1]
    turning = [k for k, shot in enumerate(shots) if shot.gantry_deg == 0 and shot.collimator_deg == 0]
    seen = [_foot(_as_couch_sees(linac, axes[k], shots[k].couch_deg)) for k in turning]
    truth["isocenter_size_couch", ""] = 2 * smallest_circle(seen)[1]
    truth["collimator_walkout", ""] = linac.collimator_walkout_mm
    head = np.array(linac.axis_uv_mm(Shot())) - (linac.collimator_walkout_mm, 0.0)
    truth["collimator_axis_offset", ""] = float(np.hypot(*(head - to_gantry(tuple(isocentre), 0.0)[:2])))
    couch = float(np.hypot(*(np.array(linac.couch_axis_mm) - isocentre[:2])))
    truth["couch_axis_offset", ""] = truth["couch_walkout", ""] = couch
    return truth


def _as_couch_sees(linac: Linac, axis: BeamAxis, couch_deg: float) -> BeamAxis:
    """A beam axis in the frame that turns with the couch about the couch's own axis, F at couch 0."""
    pivot, back = np.array(linac.couch_axis_mm), turn(-couch_deg)
    x, y = pivot + back @ (np.array(axis.source_mm[:2]) - pivot)
    dx, dy = back @ np.array(axis.direction[:2])
    return BeamAxis((float(x), float(y), axis.source_mm[2]), (float(dx), float(dy), axis.direction[2]))


def _foot(axis: BeamAxis) -> tuple[float, float]:
    """Where a vertical beam's axis meets the plane z = 0."""
    scale = axis.source_mm[2] / axis.direction[2]
    return axis.source_mm[0] - scale * axis.direction[0], axis.source_mm[1] - scale * axis.direction[1]
