"""Images with something wrong in them: a wrong answer is worse than none, and a silent error the worst there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench import ours, peer
from bench.scenes import Scene, around, ball_in, cut, take
from bench.table import MET, MISSED, Errors, Row, progress, refusals
from phantoms.aperture import REALISTIC, Cone, Leaves, Rectangle
from phantoms.noise import bright_spot, dead_line, dead_pixels
from phantoms.panel import AS1200
from phantoms.shadow import Block, Shadow, Stem
from phantoms.view import View, truth

Array = NDArray[np.float64]
Random = np.random.Generator
SIGMA, CORRELATION = 0.003, 0.8  # AS1200 panels at 1500 mm: 0.16-0.41 % seen, correlated by 0.8-0.9
SILENT_MM = 0.2  # an error above this without a refusal


def plain(rng: Random, diameter_mm: float = 5.0, mu_per_mm: float = 0.10) -> View:
    """A 20 mm field with a ball up to 2 mm off its centre, on an AS1200 panel at 1500 mm."""
    aperture = Leaves(20.0, 20.0) if rng.random() < 0.5 else Rectangle(20.0, 20.0)
    view = View(cut(AS1200, 1500.0), aperture, REALISTIC, around((0.0, 0.0), 2.0, rng), float(rng.choice([0.0, 90.0, 270.0])))
    return ball_in(view, diameter_mm, 2.0, rng, mu_per_mm)


def _taken(view: View, rng: Random, spoil: Callable[[Array], Array] | None = None) -> Scene:
    return take(view, rng, SIGMA, CORRELATION, spoil)


def _pixel(view: View, uv_mm: tuple[float, float]) -> tuple[float, float]:
    return view.map.to_pixel(uv_mm)


def clean(rng: Random) -> Scene:
    """Nothing wrong."""
    return _taken(plain(rng), rng)


def bright_outside(rng: Random) -> Scene:
    """A bright spot of 1 to 5 mm radius, 16 to 26 mm from the field centre."""
    view, angle, far = plain(rng), rng.uniform(0, 2 * np.pi), rng.uniform(16, 26)
    row, column = _pixel(view, (view.field_uv_mm[0] + far * np.cos(angle), view.field_uv_mm[1] + far * np.sin(angle)))
    radius, value = rng.uniform(1, 5) / 0.224, rng.uniform(0.7, 1.2)
    return _taken(view, rng, partial(bright_spot, row_px=row, column_px=column, radius_px=radius, value=value))


def dead_line_in_field(rng: Random) -> Scene:
    """A dead row or column through the field."""
    view = plain(rng)
    row, column = (int(x) for x in _pixel(view, around(view.field_uv_mm, 12.0, rng)))
    return _taken(view, rng, partial(dead_line, row=row) if rng.random() < 0.5 else partial(dead_line, column=column))


def dead_pixels_everywhere(rng: Random) -> Scene:
    """One pixel in a thousand dead, which puts about two into the ball."""
    view = plain(rng)
    count = view.panel.rows * view.panel.columns // 1000
    return _taken(view, rng, lambda image: dead_pixels(rng, image, count))


def displaced_panel(rng: Random) -> Scene:
    """The panel 8 to 18 mm from where it belongs, both ways."""
    u, v = (float(rng.uniform(8, 18) * rng.choice([-1, 1])) for _ in "uv")
    return _taken(replace(plain(rng), panel_shift_mm=(u * 1.5, v * 1.5)), rng)


def flattening_free(rng: Random) -> Scene:
    """A beam profile that falls by 0.15 % per mm, as without a flattening filter some 5 cm off axis."""
    angle = rng.uniform(0, 2 * np.pi)
    return _taken(replace(plain(rng), tilt_per_mm=(0.0015 * np.cos(angle), 0.0015 * np.sin(angle)), curvature_per_mm2=-1e-5), rng)


def rod(rng: Random) -> Scene:
    """A holder of 2 to 4 mm that takes 8 to 20 % of the beam and begins at the ball's surface, in any direction."""
    return _taken(_with_rod(rng, 1.0), rng)


def rod_over_ball(rng: Random) -> Scene:
    """The same, but its end lies somewhere over the ball, as that of a rod that leans towards the source."""
    return _taken(_with_rod(rng, float(rng.uniform(-1.2, 0.8))), rng)


def _with_rod(rng: Random, begin_radii: float) -> View:
    view = plain(rng)
    ball = view.balls[0]
    begin = begin_radii * ball.diameter_mm / 2
    stem = Stem(ball.u_mm, ball.v_mm, rng.uniform(0, 360), rng.uniform(2, 4), rng.uniform(0.80, 0.92), start_mm=begin)
    return replace(view, stems=(stem,))


def low_contrast(rng: Random) -> Scene:
    """A ball that takes 5 to 10 % of the beam, as ceramic or plastic does."""
    return _taken(plain(rng, 5.0, rng.uniform(0.010, 0.021)), rng)


def rotated(rng: Random) -> Scene:
    """Any collimator angle."""
    return _taken(replace(plain(rng), collimator_deg=rng.uniform(0, 360)), rng)


def cone(rng: Random) -> Scene:
    """A round collimator of 12.5 to 20 mm."""
    view = replace(plain(rng), aperture=Cone(rng.uniform(12.5, 20)))
    return _taken(ball_in(view, 5.0, 1.0, rng), rng)


def couch_edge(rng: Random) -> Scene:
    """The straight edge of something that takes 3 to 15 % of the beam, somewhere across the field."""
    view, angle = plain(rng), rng.uniform(0, 360)
    near = around(view.field_uv_mm, 10.0, rng)
    half = 40.0
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    block = Block(near[0] + half * c, near[1] + half * s, 2 * half, 120.0, angle, rng.uniform(0.85, 0.97), 0.8)
    return _taken(replace(view, blocks=(block,)), rng)


def screw(rng: Random) -> Scene:
    """A second, smaller round thing of 1.5 to 3 mm somewhere in the field."""
    view = plain(rng)
    other = Shadow(*around(view.field_uv_mm, 9.0, rng), rng.uniform(1.5, 3.0), rng.uniform(0.02, 0.10))
    return _taken(replace(view, balls=(*view.balls, other)), rng)


def near_edge(rng: Random) -> Scene:
    """A ball 5 to 9 mm off the centre of a 20 mm field: it touches or crosses the edge."""
    view = plain(rng)
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(5, 9)
    u, v = truth(view).field_uv_mm
    return _taken(replace(view, balls=(replace(view.balls[0], u_mm=u + far * np.cos(angle), v_mm=v + far * np.sin(angle)),)), rng)


CASES: tuple[tuple[str, Callable[[Random], Scene]], ...] = (
    ("clean, real noise", clean),
    ("bright spot outside the field", bright_outside),
    ("dead line", dead_line_in_field),
    ("dead pixels, 1 in 1000", dead_pixels_everywhere),
    ("panel 8-18 mm off", displaced_panel),
    ("profile tilted 0.15 %/mm", flattening_free),
    ("holder rod", rod),
    ("holder rod, end over the ball", rod_over_ball),
    ("ball of 5-10 % contrast", low_contrast),
    ("field turned", rotated),
    ("cone", cone),
    ("couch edge across the field", couch_edge),
    ("second thing in the field", screw),
    ("ball 5-9 mm off in 20 mm field", near_edge),
)
CLEAN = (clean, displaced_panel, flattening_free, rod, rotated, cone)  # nothing wrong with the image: a refusal is a fault


def case_row(what: str, make: Callable[[Random], Scene], n: int, seed: Sequence[int], with_peer: bool = True) -> Row:
    """Worst error, refusals and silent errors of one kind of image; clean ones must not be refused either."""
    mine, theirs = Errors(), Errors()
    silent: dict[str, list[str]] = {"ours": [], "pylinac": []}
    for k in progress(range(n), what):
        scene = make(np.random.default_rng([*seed, k]))
        for whose, errors, program in (("ours", mine, ours.answer), ("pylinac", theirs, peer.answer))[: 2 if with_peer else 1]:
            answer = program(scene)
            errors.add(None if answer.refused else answer.error_mm(scene), answer.refused)
            if not answer.refused and errors.mm[-1] > SILENT_MM:
                silent[whose].append(f"{errors.mm[-1]:.2f} mm at seed {[*seed, k]}")
    alarms = tuple(
        f"**SILENT ERROR, {whose}**: {len(found)} of {n} above {SILENT_MM:g} mm, such as {', '.join(found[:4])}"
        for whose, found in silent.items()
        if found
    )
    refused = mine.refused.total() > 0.01 * n and make in CLEAN
    verdict = f"{MISSED} (silent error)" if silent["ours"] else f"{MISSED} (clean images refused)" if refused else MET
    goal = "none refused" if make in CLEAN else f"no silent error > {SILENT_MM:g} mm"
    return Row(f"8 {what}", n, goal, str(mine), str(theirs), verdict, remarks=(*alarms, *refusals(mine.refused, "ours")))


def rows(quick: bool, seed: int) -> list[Row]:
    """Row 8."""
    return [case_row(what, make, 8 if quick else 40, (seed, 20, j)) for j, (what, make) in enumerate(CASES)]
