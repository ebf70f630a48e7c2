"""Which CT phantom a cylinder is, and which way round, from its pixels and geometry alone: the best model, the runner-up, and how sure.

The pattern of the inserts is held against every model at every roll, as it is and in a mirror; then the line pairs must be where that
model has them. What a scan does not show cannot decide: models that differ only there are named together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from phantoms.models import CtModel, Module, ct_models
from qa.features import ct_ring
from qa.features.ct_outline import Body
from qa.features.ct_ring import TURNS, Pattern
from qa.features.ct_scan import Scan
from qa.features.position import Array

DIAMETER = 0.06  # of the diameter: further off is another body (a scale error of 6 % is none that a scanner has)
LEAST = 0.75  # agreement of the inserts' pattern below which nothing was recognised; phantoms show 0.93 to 1, inserts elsewhere up to 0.66
FEWEST_HOLES, HOLE_HU = 4, 40.0  # so many of them must differ from the body by so much
REPEATS = 0.1  # of agreement: rolls that are as good as the best for holes whose pattern repeats
NEAR_MM, NEAR_STEPS = 5.0, 3  # how far line pairs may be from their place, along the axis (models differ by 8) and in steps of roll
BARS = 0.5  # agreement at which line pairs are seen: theirs is 0.8 to 0.9 at the right roll, under 0.35 elsewhere
UNKNOWN = 0.1  # cost of line pairs outside the scan: what they cost where they are in it, neither for nor against
BARS_WEIGHT = 0.5
EVERY_MM = 4.0  # along the stack: line pairs are 2 mm thin
MOST = 0.45  # cost of what is sure: phantoms leave 0.05 to 0.33, wrong names for a rim of the inserts beside line pairs 0.59 to 0.93
SURE = 0.8  # confidence: the runner-up explains at least 1.4 times less
SHARPNESS = 4.0  # of the confidence 1/(1 + (cost/cost of the runner-up)^4)


@dataclass(frozen=True)
class Match:
    """One model at its best place: ``y_mm`` of its inserts' module along the stack, roll as a slice shows it (x to the right, z up).

    ``inserts`` and ``bars`` (None: outside the scan, or the model has none) are correlations; ``mirrored`` is how a slice shows it;
    ``towards`` +1 when the model's y grows with y, -1 against it, 0 not known; ``filled`` whether optional places are; ``cost`` is what is
    not explained.
    """

    model: CtModel
    roll_deg: float
    y_mm: float
    inserts: float
    bars: float | None
    mirrored: bool
    towards: int
    filled: bool
    cost: float

    @property
    def way_round(self) -> str:
        """In words, how it stands."""
        if not self.towards:
            if self.mirrored:
                return "reversed or mirrored: the scan does not show which"
            return "as it is meant to stand, as far as can be seen"
        if self.mirrored == (self.towards < 0):
            return "reversed, its other end towards the gantry" if self.mirrored else "as it is meant to stand"
        return "mirrored: no phantom stands like this, left and right or both ends are exchanged in the files"

    @property
    def handed(self) -> bool:
        """Whether left and right are known to be what they seem."""
        return self.mirrored == (self.towards < 0) and (self.towards != 0 or not self.mirrored)


@dataclass(frozen=True)
class Recognition:
    """The best match, or None with what was seen in ``reason``; the best of another model, and how sure (0.5 to 1) it is not that one.

    ``alike`` are the other models that the scan cannot tell from the best.
    """

    best: Match | None
    runner_up: Match | None
    confidence: float
    alike: tuple[Match, ...]
    matches: tuple[Match, ...]
    reason: str = ""


def recognise(scan: Scan, body: Body) -> Recognition:
    """Which of the known phantoms a cylinder is."""
    seen = _unrolled(scan, body)
    fits = [m for m in ct_models() if abs(m.diameter_mm - 2 * body.radius_mm) <= DIAMETER * m.diameter_mm]
    if not fits:
        return Recognition(None, None, 0.5, (), (), f"no known phantom is {2 * body.radius_mm:.0f} mm wide")
    found = [match for model in fits for match in _placed(model, seen)]
    nearest = max(found, key=lambda m: m.inserts)
    if nearest.inserts < LEAST:
        return _none(body, nearest, found)
    bars = _bars_somewhere(fits, seen, nearest)
    ends = float(np.min(scan.y_mm([0, scan.count - 1]))), float(np.max(scan.y_mm([0, scan.count - 1])))
    ranked = _ranked([_with_bars(m, towards, seen, bars, ends) for m in found for towards in (1, -1)])
    best = ranked.best
    if best is None or best.inserts < LEAST or (not ranked.alike and (ranked.confidence < SURE or best.cost > MOST)):
        return _none(body, best or nearest, ranked.matches)
    return ranked


def _none(body: Body, nearest: Match, matches: Sequence[Match]) -> Recognition:
    """No phantom that is known; the nearest in words."""
    why = f"a cylinder {2 * body.radius_mm:.0f} mm wide whose inserts and line pairs are like none that is known"
    bars = "" if nearest.bars is None else f", line pairs {nearest.bars:.2f}"
    said = f"{why}: {nearest.model.name} is nearest (inserts {nearest.inserts:.2f} of 1, {LEAST} needed{bars})"
    return Recognition(None, nearest, 0.5, (), tuple(matches), said)


def anything(model: CtModel) -> bool:
    """Whether any plug may be in any hole."""
    plugs = [plug for module in model.modules for plug in module.plugs]
    return bool(plugs) and all(plug.optional for plug in plugs)


def with_inserts(model: CtModel) -> Module:
    """The module that holds the materials."""
    return next(module for module in model.modules if module.plugs)


def with_bars(model: CtModel) -> Module | None:
    """The module that holds the line pairs."""
    return next((module for module in model.modules if module.bars), None)


@dataclass(frozen=True)
class _Seen:
    """Patterns at places along the stack, and that of what most of the stack shows at each place of a slice."""

    y_mm: Array
    patterns: Pattern
    lasting: Pattern


def _unrolled(scan: Scan, body: Body) -> _Seen:
    """The stack about the axis, slices averaged up to EVERY_MM; its contrasts are made true HU by the step from air to the body."""
    slices = scan.between(body.low_mm, body.high_mm)
    some = max(int(EVERY_MM / scan.slice_mm), 1)
    groups = [slices[n : n + some] for n in range(0, len(slices), some)]
    places, maps = [], []
    for group in groups:
        y = float(np.mean(scan.y_mm(group)))
        view = scan.picture(np.mean(scan.crops(group, body.window), axis=0, dtype=np.float32), body.window)
        places.append(y)
        maps.append(ct_ring.unrolled(view, body.centre(y), body.radius_mm))
    plastic = float(np.median([np.median(ring_map) for ring_map in maps]))
    scale = 1000.0 / max(plastic - body.air_hu, 1.0)
    patterns = ct_ring.noisy(ct_ring.pattern(np.array([ct_ring.contrast(ring_map, scale) for ring_map in maps])))
    lasting = ct_ring.pattern(ct_ring.contrast(np.asarray(np.median(maps, axis=0)), scale))
    lasting = replace(lasting, noise=patterns.noise * (np.pi / 2 / len(maps)))  # of a median
    return _Seen(np.array(places), patterns, lasting)


def _placed(model: CtModel, seen: _Seen) -> list[Match]:
    """The model's inserts where they agree best, as they are and in a mirror."""
    if anything(model):
        return [_by_holes(model, seen)]
    module = with_inserts(model)
    fillings = (True, False) if any(plug.optional for plug in module.plugs) else (True,)
    found = []
    for mirrored in (False, True):
        best: Match | None = None
        for filled in fillings:
            expected = ct_ring.predicted(model, module.key, filled, mirrored)
            rolls = ct_ring.agreement(seen.patterns, expected)
            top, turn = (int(k) for k in np.unravel_index(int(np.argmax(rolls)), rolls.shape))
            score = float(rolls[top, turn])
            if best is None or score > best.inserts:
                near = _run([bool(v >= 0.85 * score) for v in rolls[:, turn]], top)
                y = float(np.mean([seen.y_mm[k] for k in near]))
                best = Match(model, _degrees(turn), y, score, None, mirrored, 0, filled, 1 - score**2)
        if best is not None:
            found.append(best)
    return found


def _by_holes(model: CtModel, seen: _Seen) -> Match:
    """A model whose holes take any plug, by where they are; they repeat as it turns, so it is taken upright, and its middle the scan's."""
    rolls, contrasts = ct_ring.filled(seen.lasting, ct_ring.holes(model, with_inserts(model).key))
    tops = (rolls >= np.roll(rolls, 1)) & (rolls >= np.roll(rolls, -1)) & (rolls >= rolls.max() - REPEATS)
    turn = int(min(np.nonzero(tops)[0], key=lambda k: min(k, TURNS - k)))
    many = int((np.abs(contrasts[:, turn]) >= HOLE_HU).sum()) >= FEWEST_HOLES
    score = float(rolls[turn]) if many else 0.0
    return Match(model, _degrees(turn), float(np.mean(seen.y_mm)), score, None, False, 0, True, 1 - score**2)


def _degrees(turn: int) -> float:
    return (360.0 * turn / TURNS + 180) % 360 - 180


def _run(good: Sequence[bool], top: int) -> range:
    """The neighbours of ``top`` that are as good."""
    low = high = top
    while low > 0 and good[low - 1]:
        low -= 1
    while high < len(good) - 1 and good[high + 1]:
        high += 1
    return range(low, high + 1)


def _bars_somewhere(models: Sequence[CtModel], seen: _Seen, inserts: Match) -> float | None:
    """Where along the stack any model's line pairs are, at whatever roll; None where none are seen outside the module of the inserts."""
    best, place = BARS, None
    outside = np.nonzero(np.abs(seen.y_mm - inserts.y_mm) > with_inserts(inserts.model).length_mm / 2 + EVERY_MM)[0]
    if not len(outside):
        return None
    elsewhere = seen.patterns.at(outside.tolist())
    for model in models:
        module = with_bars(model)
        for mirrored in (False, True):
            if module is None:
                continue
            expected = ct_ring.predicted(model, module.key, True, mirrored)
            scores = ct_ring.agreement(elsewhere, expected).max(axis=1)
            if scores.max() > best:
                best, place = float(scores.max()), float(seen.y_mm[outside[np.argmax(scores)]])
    return place


def _with_bars(match: Match, towards: int, seen: _Seen, elsewhere: float | None, ends: tuple[float, float]) -> Match:
    """The match with the line pairs looked for where its model has them, in that direction along the axis."""
    module = with_bars(match.model)
    score = 0.0 if elsewhere is not None else None
    if module is not None:
        bars = module.bars[0]
        y = match.y_mm + towards * (module.y_mm - with_inserts(match.model).y_mm + bars.y_mm)
        near = np.nonzero(np.abs(seen.y_mm - y) <= max(NEAR_MM, (bars.thickness_mm or module.length_mm) / 2))[0]
        if len(near):
            expected = ct_ring.predicted(match.model, module.key, True, match.mirrored)
            turn = round(match.roll_deg * TURNS / 360)
            turns = [(turn + k) % TURNS for k in range(-NEAR_STEPS, NEAR_STEPS + 1)]
            there = float(ct_ring.agreement(seen.patterns.at(near.tolist()), expected)[:, turns].max())
            if there >= BARS or ends[0] + NEAR_MM <= y <= ends[1] - NEAR_MM:  # at a rim only what is seen counts
                score = there
    cost = 1 - match.inserts**2 + (UNKNOWN if score is None else BARS_WEIGHT * (1 - max(score, 0.0) ** 2))
    return replace(match, bars=score, towards=towards, cost=cost)


def _ranked(judged: Sequence[Match]) -> Recognition:
    """The cheapest match first; where nothing tells its two directions apart, the direction is left open."""
    order = sorted(judged, key=lambda m: (m.cost, m.mirrored != (m.towards < 0), m.mirrored))
    best = order[0]
    twin = next((m for m in order if m.model is best.model and m.mirrored == best.mirrored and m.towards != best.towards), None)
    if twin is not None and twin.cost <= best.cost / RATIO:
        best = replace(best, towards=0)
    others = list(_first_of_each([m for m in order if m.model is not best.model]).values())
    runner = others[0] if others else None
    alike = tuple(m for m in others if confidence(best.cost, m.cost) < SURE)
    sure = confidence(best.cost, runner.cost) if runner else confidence(best.cost, 1.0)
    return Recognition(best, runner, sure, alike, (best, *others))


def confidence(cost: float, other: float) -> float:
    """How sure the first explanation is against the other, 0 to 1; 0.5 when they explain as much."""
    return float(1 / (1 + (max(cost, 1e-9) / max(other, 1e-9)) ** SHARPNESS))


RATIO = ((1 - SURE) / SURE) ** (1 / SHARPNESS)  # cost over the other's cost at which the first is sure


def _first_of_each(matches: Sequence[Match]) -> Mapping[str, Match]:
    found: dict[str, Match] = {}
    for match in matches:
        found.setdefault(match.model.key, match)
    return found
