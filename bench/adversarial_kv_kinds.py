"""What goes wrong with an open-field kV image, one function each: a draft in, the draft with that wrong out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from bench.adversarial_draft import Random
from bench.adversarial_kv import KvDraft, half_mm, ordinary
from bench.adversarial_panel import line_in_ball, pixels
from phantoms.aperture import Rectangle
from phantoms.noise import correlated
from phantoms.shadow import Block

Change = Callable[["KvDraft", Random], "KvDraft"]
LEAST_SEEN = -0.4  # radii: beyond, less than 0.37 of the rim shows, and nobody can say that it is a ball
ALIKE_SHARE, ALIKE_MM = 0.15, 0.4  # of the radius: who is told it knows that a ball further from it (the larger of both) is not meant
LARGEST_MM = 16.0  # of a ball that is looked for
CLEAR = 0.05  # of the beam: two unlike balls are both seen when the smaller one takes this


def _beside(draft: KvDraft, rng: Random, near_mm: float, far_mm: float, ratio: float = 1.0) -> tuple[float, float] | None:
    """A place that far from the ball's centre for one of that share of its size: in the image and in the open field, or None."""
    (ball, *_), (half_u, half_v) = draft.view.balls, half_mm(draft.view)
    (a, b), (u0, v0) = draft.view.aperture.extent_mm, draft.view.aperture_uv_mm
    for _ in range(500):
        angle, far = rng.uniform(0, 2 * np.pi), float(rng.uniform(near_mm, far_mm))
        u, v = ball.u_mm + far * np.cos(angle), ball.v_mm + far * np.sin(angle)
        free = max(ratio, 1.0) * ball.diameter_mm / 2 + 2.0
        if max(abs(u) - half_u, abs(v) - half_v, abs(u - u0) - a, abs(v - v0) - b) < -free:
            return float(u), float(v)
    return None


def told(draft: KvDraft) -> KvDraft:
    """With the radius of the ball that is meant."""
    return replace(draft, told_mm=draft.view.balls[0].diameter_mm / 2)


def couch_edge(draft: KvDraft, rng: Random) -> KvDraft:
    """A couch or a rail of it that takes 3 to 40 %, its edge within 15 mm of the ball's centre, at any angle."""
    ball, angle = draft.view.balls[0], rng.uniform(0, 2 * np.pi)
    width = 160.0 if rng.random() < 0.7 else float(rng.uniform(3, 15))
    far = width / 2 + float(rng.uniform(-15, 15))
    block = Block(ball.u_mm + far * np.cos(angle), ball.v_mm + far * np.sin(angle), width, 300.0, np.rad2deg(angle))
    return _blocked(draft, replace(block, transmission=float(rng.uniform(0.6, 0.97)), blur_mm=float(rng.uniform(0.3, 1.2))))


def _blocked(draft: KvDraft, block: Block) -> KvDraft:
    return replace(draft, view=replace(draft.view, blocks=(*draft.view.blocks, block)))


def metal(draft: KvDraft, rng: Random) -> KvDraft:
    """A screw, clip or bar within 30 mm of the ball that may touch it, its middle clear of it."""
    ball = draft.view.balls[0]
    width, height = float(rng.uniform(1, 6)), float(rng.uniform(4, 30))
    u, v = _beside(draft, rng, ball.diameter_mm / 2 + 0.6 * width, 30.0) or (ball.u_mm + ball.diameter_mm, ball.v_mm)
    away = float(np.rad2deg(np.arctan2(v - ball.v_mm, u - ball.u_mm))) if rng.random() < 0.5 else float(rng.uniform(0, 360))
    return _blocked(draft, Block(u, v, width, height, away, float(rng.uniform(0.02, 0.7)), ball.blur_mm))


def second_unlike(draft: KvDraft, rng: Random) -> KvDraft:
    """Another ball of 0.35 to 0.75 or 1.33 to 2.9 times the diameter; told the radius in half of the images, and never right without."""
    first, ratio = draft.view.balls[0], float(rng.uniform(0.35, 0.75))
    ratio = ratio if rng.random() < 0.6 else min(1 / ratio, LARGEST_MM / first.diameter_mm)
    touching = first.diameter_mm / 2 * (1 + ratio)
    place = _beside(draft, rng, touching + 0.5, max(touching + 4.0, 30.0), ratio)
    if place is None:  # no room for one so large
        return second_unlike(draft, rng)
    clear = -np.expm1(-first.mu_per_mm * min(1.0, ratio) * first.diameter_mm) > CLEAR
    both = _second(draft, place, ratio, rival=True)
    if rng.random() < 0.5:
        return replace(told(both), centres=draft.centres[:1])
    return both if clear else replace(both, centres=both.centres[-1:] if ratio > 1 else draft.centres[:1])


def second_alike(draft: KvDraft, rng: Random) -> KvDraft:
    """Another ball of the same size, clear of the first; telling the radius does not help."""
    first = draft.view.balls[0].diameter_mm
    place = _beside(draft, rng, 1.05 * first, max(30.0, 2 * first))
    if place is None:
        raise RuntimeError(f"no room beside {draft.view.balls[0]} in {draft.view.aperture}")
    return _perhaps_told(_second(draft, place, 1.0, rival=True), rng)


def _second(draft: KvDraft, place: tuple[float, float], ratio: float, rival: bool) -> KvDraft:
    first = draft.view.balls[0]
    other = replace(first, u_mm=place[0], v_mm=place[1], diameter_mm=ratio * first.diameter_mm)
    centres = (*draft.centres, place) if rival else draft.centres
    return replace(draft, view=replace(draft.view, balls=(*draft.view.balls, other)), centres=centres)


def _perhaps_told(draft: KvDraft, rng: Random) -> KvDraft:
    return told(draft) if rng.random() < 0.5 else draft


def half_hidden(draft: KvDraft, rng: Random, least: float = -0.8) -> KvDraft:
    """A blade, or metal that lets 2 to 60 % through, whose edge runs over the ball up to 0.8 radii beside its centre."""
    ball, angle = draft.view.balls[0], rng.uniform(0, 2 * np.pi)
    beside = float(rng.uniform(least, 0.8)) * ball.diameter_mm / 2
    if rng.random() < 0.4:
        return _bladed(draft, beside, int(rng.integers(4)))
    width = float(rng.uniform(5, 40))
    far = width / 2 + beside
    block = Block(ball.u_mm + far * np.cos(angle), ball.v_mm + far * np.sin(angle), width, float(rng.uniform(10, 80)), np.rad2deg(angle))
    return _blocked(draft, replace(block, transmission=float(rng.uniform(0.02, 0.6)), blur_mm=ball.blur_mm))


def _bladed(draft: KvDraft, beside_mm: float, which: int) -> KvDraft:
    """One blade moved to that far from the ball's centre, outwards positive."""
    view, ball, side = draft.view, draft.view.balls[0], -1 if which % 2 else 1
    half, (u, v) = list(view.aperture.extent_mm), view.aperture_uv_mm
    axis, middle = which // 2, [u, v]
    edge, kept = (ball.u_mm, ball.v_mm)[axis] + side * beside_mm, middle[axis] - side * half[axis]
    middle[axis], half[axis] = (edge + kept) / 2, abs(edge - kept) / 2
    return replace(draft, view=replace(view, aperture=Rectangle(2 * half[0], 2 * half[1], (middle[0], middle[1]))))


def hidden_and_whole(draft: KvDraft, rng: Random) -> KvDraft:
    """The ball half covered, and a whole one of 0.7 to 1.3 times its diameter: nobody knows which is meant, unless a radius is told."""
    first = draft.view.balls[0].diameter_mm
    ratio = float(rng.uniform(0.7, 1.3))
    draft = half_hidden(draft, rng, LEAST_SEEN)
    place = _beside(draft, rng, 1.3 * first, max(30.0, 2 * first), ratio)
    if place is None:
        return draft
    both = _perhaps_told(_second(draft, place, ratio, rival=True), rng)
    known = both.told_mm is not None and abs(ratio - 1) * first / 2 > max(ALIKE_SHARE * first / 2, ALIKE_MM)
    return replace(both, centres=draft.centres) if known else both


def at_image_edge(draft: KvDraft, rng: Random) -> KvDraft:
    """The ball's centre from half a radius outside the image to its diameter inside."""
    ball, half, side = draft.view.balls[0], half_mm(draft.view), float(rng.choice([-1, 1]))
    place = [ball.u_mm, ball.v_mm]
    axis = int(rng.integers(2))
    place[axis] = side * (half[axis] + float(rng.uniform(-2, 0.5)) * ball.diameter_mm / 2)
    u, v = place
    wide = Rectangle(4 * half[0], 4 * half[1])
    stems = tuple(replace(stem, u_mm=u, v_mm=v) for stem in draft.view.stems)
    return replace(draft, view=replace(draft.view, aperture=wide, balls=(replace(ball, u_mm=u, v_mm=v),), stems=stems), centres=((u, v),))


def faint(draft: KvDraft, rng: Random) -> KvDraft:
    """A ball of plastic, glass or aluminium that takes 0.3 to 30 %."""
    ball, *others = draft.view.balls
    depth = float(np.exp(rng.uniform(np.log(0.003), np.log(0.3))))
    ball = replace(ball, mu_per_mm=-float(np.log1p(-depth)) / ball.diameter_mm)
    return replace(draft, view=replace(draft.view, balls=(ball, *others), stems=()))


def saturated(draft: KvDraft, rng: Random) -> KvDraft:
    """The open field, or the brighter part of it, beyond what the panel can read."""
    return replace(draft, spoils=(*draft.spoils, partial(np.minimum, float(rng.uniform(0.5, 1.0)))))


def no_ball(draft: KvDraft, rng: Random) -> KvDraft:
    """Whatever there is without the ball, its stem kept."""
    return replace(draft, view=replace(draft.view, balls=()), centres=())


def blank(draft: KvDraft, rng: Random) -> KvDraft:
    """The same value everywhere with noise, or nothing but noise."""
    value = float(rng.choice([0.0, 0.05, 0.5, 1.0]))
    return replace(no_ball(draft, rng), spoils=(lambda image: correlated(rng, np.full_like(image, value), draft.sigma, draft.correlation),))


CHANGES: dict[str, Change] = {  # the one that moves the ball first
    "kV: ball at the image's edge": at_image_edge,
    "kV: ball of 0.3-30 % contrast": faint,
    "kV: couch edge or rail": couch_edge,
    "kV: other metal beside": metal,
    "kV: second ball, another size": second_unlike,
    "kV: half the ball hidden": half_hidden,
    "kV: one hidden, one whole": hidden_and_whole,
    "kV: defective line": line_in_ball,
    "kV: dead or hot pixels": pixels,
    "kV: open field saturated": saturated,
}


def two(rng: Random) -> KvDraft:
    """An ordinary exposure with two different things wrong."""
    names = list(CHANGES)
    first, second = sorted(rng.choice(len(names), 2, replace=False))
    draft = CHANGES[names[second]](CHANGES[names[first]](ordinary(rng), rng), rng)
    return replace(draft, harm=(names[first], names[second]))


def without_ball(rng: Random) -> KvDraft:
    """No ball; the stem, a couch edge, other metal or a defective line in most of the images."""
    name = str(rng.choice(["kV: couch edge or rail", "kV: other metal beside", "kV: defective line", "kV: open field saturated"]))
    draft = ordinary(rng)
    return no_ball(CHANGES[name](draft, rng) if rng.random() < 0.7 else draft, rng)
