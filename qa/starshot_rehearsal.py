"""A random star of the collimator with known truth: machine, slit, panel, noise, angles and every spoke's fault are drawn."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from phantoms.aperture import REALISTIC, SIMPLE, Rectangle
from phantoms.linac import Exposure, Linac, Shot, expose
from phantoms.meeting import smallest_touching_circle
from phantoms.panel import Panel
from phantoms.rays import turn
from qa import rehearsal
from qa.procedure import Rehearsal
from qa.shots import RECEPTOR_MM
from qa.starshot_star import SEAM_DEG

Truth = dict[tuple[str, str], float]


def draw(rng: np.random.Generator) -> Rehearsal:
    """Four to six narrow beams, an image each, on a cropped panel with pixels that are not square."""
    seed, count = int(rng.integers(2**31)), int(rng.integers(4, 7))
    linac = _linac(rng)
    moved = _moved(linac, rng)
    start = rng.uniform(0, 180)
    readouts = [float((start + 180 * k / count + rng.uniform(-4, 4)) % 360) for k in range(count)]
    true = [readout + float(rng.normal(0, 0.2)) for readout in readouts]
    while any(abs(_folded(angle) - edge) < 1 for angle in true for edge in (SEAM_DEG, SEAM_DEG + 180)):
        readouts, true = [r + 2 for r in readouts], [t + 2 for t in true]  # so that spokes are numbered alike whatever the noise
    exposures = []
    for readout, angle in zip(readouts, true, strict=True):
        du, dv = rng.normal(0, 0.25, 2)
        u, v = moved.collimator_axis_mm
        faulty = replace(moved, collimator_axis_mm=(u + float(du), v + float(dv)))
        shot = Shot(collimator_deg=angle)
        exposures.append(replace(expose(faulty, [], [shot], rng)[0], linac=linac, shot=replace(shot, collimator_deg=readout)))
    truth = _truth(exposures, true, readouts)
    return Rehearsal(rehearsal.acquisition(exposures), truth, partial(rehearsal.write, exposures, seed))


def _linac(rng: np.random.Generator) -> Linac:
    """A machine with a slit 3 to 6 mm wide, and a small panel."""
    return Linac(
        name="rehearsal",
        serial=f"{rng.integers(10**6):06d}",
        panel=Panel("crop", 118, 134, (0.92, 0.84)),
        aperture=Rectangle(float(rng.uniform(3, 6)), float(rng.uniform(55, 80))),
        penumbra=REALISTIC if rng.random() < 0.5 else SIMPLE,
        collimator_axis_mm=(float(rng.normal(0, 0.8)), float(rng.normal(0, 0.8))),
        collimator_walkout_mm=float(rng.uniform(0.0, 0.4)),
        receptor_mm=(float(rng.normal(0, 0.3)), float(rng.normal(0, 0.3))),
        sid_error_mm=float(rng.normal(0, 0.5)),
        noise_sigma=float(rng.uniform(0.002, 0.006)),
        noise_correlation=float(rng.choice([0.05, 0.4, 0.7])),
    )


def _moved(linac: Linac, rng: np.random.Generator) -> Linac:
    """The panel as far from where it belongs as panels repeat; it stays there while the collimator turns."""
    u, v = rng.normal(0, RECEPTOR_MM * linac.sid_mm / linac.sad_mm, 2)
    wave = replace(linac.panel_u_mm, mean=float(u)), replace(linac.panel_v_mm, mean=float(v))
    return replace(linac, panel_u_mm=wave[0], panel_v_mm=wave[1])


def _folded(angle_deg: float) -> float:
    """The direction of the slit's long side, which runs along the collimator's y, from +u towards +v in [-5, 175)."""
    return (angle_deg + 90.0 - SEAM_DEG) % 180.0 + SEAM_DEG


def _truth(exposures: list[Exposure], true: list[float], readouts: list[float]) -> Truth:
    """Axes through the field centres as drawn; the circle by an optimiser of its own."""
    order = sorted(range(len(exposures)), key=lambda k: _folded(true[k]))
    angles = np.array([_folded(true[k]) for k in order])
    normals = np.array([turn(float(a)) @ [0.0, 1.0] for a in angles])
    fields = np.array([exposures[k].truth.field_uv_mm for k in order])
    feet = (normals * fields).sum(axis=1)
    centre, radius = smallest_touching_circle(normals, feet)
    squares = np.linalg.lstsq(normals, feet, rcond=None)[0]
    truth: Truth = {("star_circle_diameter", ""): 2 * radius}
    for k, axis in enumerate("uv"):
        truth[f"star_centre_{axis}", ""] = float(centre[k])
        truth[f"star_ls_{axis}", ""] = float(squares[k])
    late = np.array([true[k] - readouts[k] for k in order])
    for k, angle in enumerate(angles):
        part = f"spoke {k + 1}"
        truth["star_angle", part] = float(angle)
        truth["star_angle_deviation", part] = float(late[k] - late.mean())
        truth["star_residual", part] = float(feet[k] - normals[k] @ squares)
    return truth
