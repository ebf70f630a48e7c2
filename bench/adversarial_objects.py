"""What stands in the beam that should not, or not there: a draft in, the draft with that wrong out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.adversarial_draft import LOUD_SIGMA, Draft, Random
from bench.scenes import around
from phantoms.aperture import Cone
from phantoms.noise import correlated
from phantoms.shadow import Block, Stem

NEAREST_PAIR = 0.5  # radii between overlapping balls: two alike that are nearer make one shadow, as round as noise lets anyone tell
NEAR_MM = 2.0  # with a wrong scale (5 %) or angle (3 degrees) a ball this near to the field's centre is 0.1 mm off, and cannot be less


def clean(draft: Draft, rng: Random) -> Draft:
    """Nothing."""
    return draft


def loud(draft: Draft, rng: Random) -> Draft:
    """Noise of 0.41 to 1.0 %."""
    return replace(draft, sigma=float(rng.uniform(*LOUD_SIGMA)))


def stem(draft: Draft, rng: Random) -> Draft:
    """A holder of 2 to 4 mm that takes 5 to 20 % and begins at the ball's surface, in any direction."""
    ball = draft.view.balls[0]
    rod = Stem(ball.u_mm, ball.v_mm, rng.uniform(0, 360), rng.uniform(2, 4), rng.uniform(0.80, 0.95), start_mm=ball.diameter_mm / 2)
    return _with_stem(draft, rod)


def stem_over(draft: Draft, rng: Random) -> Draft:
    """A holder of 1 to 5 mm that takes 2 to 30 %, its end anywhere over the ball, its line up to 0.8 radii beside the ball's centre."""
    ball = draft.view.balls[0]
    radius, angle = ball.diameter_mm / 2, rng.uniform(0, 2 * np.pi)
    beside = float(rng.uniform(-0.8, 0.8)) * radius * (rng.random() < 0.5)
    u, v = ball.u_mm - beside * np.sin(angle), ball.v_mm + beside * np.cos(angle)
    begin = float(rng.uniform(-1.3, 1.0)) * radius
    return _with_stem(draft, Stem(u, v, np.rad2deg(angle), rng.uniform(1, 5), rng.uniform(0.70, 0.98), start_mm=begin))


def _with_stem(draft: Draft, rod: Stem) -> Draft:
    return replace(draft, view=replace(draft.view, stems=(*draft.view.stems, rod)))


def couch_edge(draft: Draft, rng: Random) -> Draft:
    """The edge of a couch or a rail of it, taking 2 to 20 %, at any angle across the field."""
    view, angle = draft.view, rng.uniform(0, 2 * np.pi)
    near = around(view.aperture_uv_mm, 0.9 * max(view.aperture.extent_mm), rng)
    width = 120.0 if rng.random() < 0.7 else float(rng.uniform(2, 15))
    u, v = near[0] + width / 2 * np.cos(angle), near[1] + width / 2 * np.sin(angle)
    block = Block(u, v, width, 240.0, np.rad2deg(angle), float(rng.uniform(0.80, 0.98)), float(rng.uniform(0.5, 1.5)))
    return replace(draft, view=replace(view, blocks=(*view.blocks, block)))


def second_alike(draft: Draft, rng: Random) -> Draft:
    """Two equal balls clear of each other, both inside the field: nobody can tell which is meant."""
    first = draft.view.balls[0]
    (u, v), angle, apart = draft.view.aperture_uv_mm, rng.uniform(0, 2 * np.pi), first.diameter_mm * rng.uniform(0.55, 0.75)
    du, dv = float(apart * np.cos(angle)), float(apart * np.sin(angle))
    return _second(_placed(draft, u + du, v + dv), (u - du, v - dv), 1.0, rival=True)


def second_smaller(draft: Draft, rng: Random) -> Draft:
    """A ball of 0.25 to 0.75 times the diameter, clear of the first, inside the field."""
    first, ratio, angle = draft.view.balls[0], rng.uniform(0.25, 0.75), rng.uniform(0, 2 * np.pi)
    apart = first.diameter_mm / 2 * (1 + ratio) + rng.uniform(0.2, 4)
    return _second(draft, (first.u_mm + apart * np.cos(angle), first.v_mm + apart * np.sin(angle)), ratio)


def second_at_edge(draft: Draft, rng: Random) -> Draft:
    """A ball of 0.4 to 1 times the diameter within its radius of the field's edge: the one that is seen whole is meant."""
    first, ratio = draft.view.balls[0], rng.uniform(0.4, 1.0)
    return _second(draft, _on_edge(draft, rng, float(rng.uniform(-1, 1)) * ratio * first.diameter_mm / 2), ratio)


def second_over(draft: Draft, rng: Random) -> Draft:
    """A ball whose shadow overlaps the first one's, 0.25 to 1 times its diameter; of two nearly equal ones nobody knows which is meant."""
    first, angle = draft.view.balls[0], rng.uniform(0, 2 * np.pi)
    ratio = 1.0 if rng.random() < 0.4 else float(rng.uniform(0.25, 0.8))
    apart = first.diameter_mm / 2 * rng.uniform(NEAREST_PAIR, 1 + ratio)
    return _second(draft, (first.u_mm + apart * np.cos(angle), first.v_mm + apart * np.sin(angle)), ratio, rival=ratio == 1.0)


def _second(draft: Draft, place: tuple[float, float], ratio: float, rival: bool = False) -> Draft:
    """Another ball of that share of the first one's diameter; a rival is one that nobody can tell from the first."""
    first, place = draft.view.balls[0], (float(place[0]), float(place[1]))
    other = replace(first, u_mm=place[0], v_mm=place[1], diameter_mm=ratio * first.diameter_mm)
    centres = (*draft.centres, place) if rival else draft.centres
    return replace(draft, view=replace(draft.view, balls=(*draft.view.balls, other)), centres=centres)


def half_ball(draft: Draft, rng: Random) -> Draft:
    """An absorber of 15 to 100 % whose straight edge runs across the ball, up to 0.8 radii beside its centre."""
    view, angle = draft.view, rng.uniform(0, 2 * np.pi)
    ball = view.balls[0]
    width, beside = float(rng.uniform(10, 60)), float(rng.uniform(-0.8, 0.8)) * ball.diameter_mm / 2
    far = width / 2 + beside
    u, v = ball.u_mm + far * np.cos(angle), ball.v_mm + far * np.sin(angle)
    block = Block(u, v, width, float(rng.uniform(15, 120)), np.rad2deg(angle), float(rng.uniform(0, 0.85)), float(rng.uniform(0.3, 1)))
    return replace(draft, view=replace(view, blocks=(*view.blocks, block)))


def ball_at_edge(draft: Draft, rng: Random) -> Draft:
    """The ball's centre from its radius outside to its diameter inside the field's edge."""
    radius = draft.view.balls[0].diameter_mm / 2
    return _placed(draft, *_on_edge(draft, rng, float(rng.uniform(-1, 2)) * radius))


def _on_edge(draft: Draft, rng: Random, inward_mm: float) -> tuple[float, float]:
    """A place that far inside the edge of the aperture (of its enclosing circle where that is smaller), in any direction."""
    view, angle = draft.view, rng.uniform(0, 2 * np.pi)
    c, s, (a, b) = np.cos(angle), np.sin(angle), view.aperture.extent_mm
    far = (a if isinstance(view.aperture, Cone) else min(a / max(abs(c), 1e-9), b / max(abs(s), 1e-9))) - inward_mm
    turned = angle + np.deg2rad(view.collimator_deg)
    u, v = view.aperture_uv_mm
    return float(u + far * np.cos(turned)), float(v + far * np.sin(turned))


def _placed(draft: Draft, u: float, v: float) -> Draft:
    """The first ball there instead."""
    first, *others = draft.view.balls
    moved = replace(first, u_mm=float(u), v_mm=float(v))
    return replace(draft, view=replace(draft.view, balls=(moved, *others)), centres=((float(u), float(v)), *draft.centres[1:]))


def faint(draft: Draft, rng: Random) -> Draft:
    """A ball that takes 0.3 to 15 % of the beam."""
    first, *others = draft.view.balls
    depth = np.exp(rng.uniform(np.log(0.003), np.log(0.15)))
    return replace(draft, view=replace(draft.view, balls=(replace(first, mu_per_mm=-float(np.log1p(-depth)) / first.diameter_mm), *others)))


def wrong_distance(draft: Draft, rng: Random) -> Draft:
    """The panel 1 to 5 % nearer or further than the file says."""
    error = float(rng.uniform(0.01, 0.05) * rng.choice([-1, 1])) * draft.view.sid_mm
    return replace(_near(draft), view=replace(_near(draft).view, sid_error_mm=error))


def turned_panel(draft: Draft, rng: Random) -> Draft:
    """The panel turned by 0.1 to 3 degrees."""
    turned = float(rng.uniform(0.1, 3.0) * rng.choice([-1, 1]))
    return replace(_near(draft), view=replace(_near(draft).view, panel_rotation_deg=turned))


def _near(draft: Draft) -> Draft:
    """The ball no further than NEAR_MM from the field's centre."""
    ball, (u, v) = draft.view.balls[0], draft.view.aperture_uv_mm
    du, dv = ball.u_mm - u, ball.v_mm - v
    share = min(1.0, NEAR_MM / max(float(np.hypot(du, dv)), 1e-9))
    return _placed(draft, u + share * du, v + share * dv)


def no_ball(draft: Draft, rng: Random) -> Draft:
    """The field alone."""
    return replace(draft, view=replace(draft.view, balls=()), centres=())


def blank(draft: Draft, rng: Random) -> Draft:
    """The same value everywhere, with noise as usual or without."""
    return _instead(draft, rng, float(rng.choice([0.0, 0.02, 0.5, 1.0])), draft.sigma * float(rng.random() < 0.7))


def only_noise(draft: Draft, rng: Random) -> Draft:
    """No beam, and noise of 2 to 20 % of an open beam."""
    return _instead(draft, rng, float(rng.uniform(0.1, 0.6)), float(np.exp(rng.uniform(np.log(0.02), np.log(0.2)))))


def _instead(draft: Draft, rng: Random, value: float, sigma: float) -> Draft:
    """That value and noise instead of everything."""
    return no_ball(draft, rng).spoilt(lambda image: correlated(rng, np.full_like(image, value), sigma, draft.correlation))
