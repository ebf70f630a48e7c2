"""Every kind of image of the adversarial campaign, what may be expected of it, and which image of a campaign is of which kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import lcm

from bench import adversarial_kv
from bench import adversarial_kv_kinds as kv
from bench import adversarial_objects as objects
from bench import adversarial_panel as panel
from bench.adversarial_draft import Draft, Random, ordinary, tight

Change = Callable[[Draft, Random], Draft]
CLEAN, HARMLESS, REFUSABLE, NOTHING = "clean", "harmless", "refusable", "nothing to measure"
CHANGES: dict[str, Change] = {  # those that move the ball or the panel first, so that the others find it where it is
    "wrong SID, 1-5 %": objects.wrong_distance,
    "panel turned by 0.1-3 degrees": objects.turned_panel,
    "ball at the field's edge": objects.ball_at_edge,
    "ball of 0.3-15 % contrast": objects.faint,
    "noise of 0.4-1.0 %": objects.loud,
    "holder rod": objects.stem,
    "holder rod over the ball's side": objects.stem_over,
    "couch edge or rail across the field": objects.couch_edge,
    "half the ball covered": objects.half_ball,
    "second ball, smaller": objects.second_smaller,
    "second ball at the field's edge": objects.second_at_edge,
    "second ball overlapping": objects.second_over,
    "defective line through the ball": panel.line_in_ball,
    "defective line through the field": panel.line_in_field,
    "defective line beside the field": panel.line_beside,
    "dead or hot pixels": panel.pixels,
    "dead or hot patch in the field": panel.cluster,
    "bright spot outside the field": panel.spot_outside,
    "open beam clipped": panel.clipped_bright,
    "dark clipped": panel.clipped_dark,
}
MILD = (
    "wrong SID, 1-5 %",
    "panel turned by 0.1-3 degrees",
    "noise of 0.4-1.0 %",
    "holder rod",
    "defective line beside the field",
    "dead or hot pixels",
    "bright spot outside the field",
)
WITHOUT_BALL = (
    "holder rod",
    "couch edge or rail across the field",
    "half the ball covered",
    "defective line through the field",
    "dead or hot pixels",
    "dead or hot patch in the field",
    "open beam clipped",
)
ALIKE = "two balls alike"
TIGHT_SHARE = 0.25


@dataclass(frozen=True)
class Kind:
    """A name, what may be expected, how an image of it is drafted, and how many images of every round are of it."""

    name: str
    expected: str
    draft: Callable[[Random], Draft]
    share: int = 1


def _changed(name: str) -> Callable[[Random], Draft]:
    """That one thing wrong; with little room as well in a quarter of the images, unless a refusal would then be the room's fault."""
    share = 0.0 if name in MILD else TIGHT_SHARE
    return lambda rng: CHANGES[name](_some(rng, share), rng)


def _kv_changed(name: str) -> Callable[[Random], Draft]:
    """That one thing wrong with an open-field image."""
    return lambda rng: kv.CHANGES[name](adversarial_kv.ordinary(rng), rng)


def _some(rng: Random, share: float = TIGHT_SHARE) -> Draft:
    return tight(rng) if rng.random() < share else ordinary(rng)


def _without(change: Change) -> Callable[[Random], Draft]:
    return lambda rng: change(_some(rng), rng)


def _two(rng: Random) -> Draft:
    """An ordinary exposure with two different things wrong."""
    first, second = sorted(rng.choice(len(CHANGES), 2, replace=False))
    names = list(CHANGES)
    draft = CHANGES[names[second]](CHANGES[names[first]](_some(rng), rng), rng)
    return replace(draft, harm=(names[first], names[second]))


def _without_ball(rng: Random) -> Draft:
    """A field without a ball, but with something else in it."""
    name = WITHOUT_BALL[rng.integers(len(WITHOUT_BALL))]
    return replace(objects.no_ball(CHANGES[name](_some(rng), rng), rng), harm=(name,))


FIELD_KINDS: tuple[Kind, ...] = (
    Kind("clean", CLEAN, ordinary, 6),
    Kind("little room", HARMLESS, tight),
    *(Kind(name, HARMLESS if name in MILD else REFUSABLE, _changed(name)) for name in CHANGES),
    Kind("two of these at once", REFUSABLE, _two, 4),
    Kind(ALIKE, NOTHING, lambda rng: objects.second_alike(ordinary(rng, 17.0, 5.0), rng)),
    Kind("no ball", NOTHING, _without(objects.no_ball)),
    Kind("no ball, something else", NOTHING, _without_ball),
    Kind("blank", NOTHING, _without(objects.blank)),
    Kind("only noise", NOTHING, _without(objects.only_noise)),
)
KV_KINDS: tuple[Kind, ...] = (
    Kind("kV: clean", CLEAN, adversarial_kv.ordinary, 4),
    *(Kind(name, REFUSABLE, _kv_changed(name)) for name in kv.CHANGES),
    Kind("kV: two of these at once", REFUSABLE, kv.two),
    Kind("kV: two balls alike", NOTHING, lambda rng: kv.second_alike(adversarial_kv.ordinary(rng), rng)),
    Kind("kV: no ball", NOTHING, kv.without_ball),
    Kind("kV: blank", NOTHING, lambda rng: kv.blank(adversarial_kv.ordinary(rng), rng)),
)
KINDS = (*FIELD_KINDS, *KV_KINDS)


def _round(kinds: tuple[Kind, ...]) -> list[Kind]:
    """Every kind as often as its share, those of one kind apart from each other."""
    return [kind for turn in range(max(k.share for k in kinds)) for kind in kinds if turn < kind.share]


def _mixed(field: list[Kind], open_field: list[Kind]) -> tuple[Kind, ...]:
    """Four images of a collimated field, then one of an open field, until both rounds are complete."""
    count = lcm(len(field), 4 * len(open_field)) // 4
    return tuple(
        kind for k in range(count) for kind in (*(field[(4 * k + j) % len(field)] for j in range(4)), open_field[k % len(open_field)])
    )


ROUND = _mixed(_round(FIELD_KINDS), _round(KV_KINDS))


def kind_of(number: int) -> Kind:
    """The kind of that image of every campaign: a fixed round, so every kind comes equally often whatever the seed."""
    return ROUND[number % len(ROUND)]
