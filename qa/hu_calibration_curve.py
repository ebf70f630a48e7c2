"""A curve that never falls, through the materials of a phantom: what contradicts the others is left out, and said so.

See docs/physics/hu_calibration.md, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from qa.density_curve import Knot, evaluate
from qa.features.number import Number, number
from qa.hu_calibration_materials import Plugged
from qa.reading import AnalysisError

FEWEST = 4  # knots: air, something light, something near water, something dense
SURER = 1.5  # times: what no document confirms gives way to what one does, and everything to water
SHARE = 1 / 3  # of the materials may contradict the others; with more nobody knows who is right


@dataclass(frozen=True)
class Curve:
    """Knots by CT number; ``pooled`` are names whose values were joined, ``left_out`` names and why."""

    knots: tuple[Knot, ...]
    pooled: frozenset[str]
    left_out: dict[str, str]


def curve(materials: Sequence[Plugged], column: str) -> Curve:
    """The curve of one column ("red", "density", "spr"). AnalysisError when too few are left, or too many contradict each other."""
    use = []
    for one in materials:
        value = one.values[column]
        if isinstance(one.hu, Number) and isinstance(value, Number):
            use.append(Knot(one.name, one.hu.value, one.hu.u, value.value, value.u))
    use.sort(key=lambda knot: knot.hu)
    left_out: dict[str, str] = {}
    count = len(use)
    while (falls := _falls(use)) is not None:
        worse = _worse(use, falls)
        other = next(knot for knot in falls if knot is not worse)
        left_out[worse.name] = (
            f"left out of the curve: {worse.name} ({worse.hu:.0f} HU, {worse.value:.3f}) and {other.name} ({other.hu:.0f} HU, "
            f"{other.value:.3f}) contradict each other on a curve that rises"
        )
        use.remove(worse)
        if len(left_out) > SHARE * count:
            raise AnalysisError("too many materials contradict each other: " + "; ".join(left_out.values()))
    if len(use) < FEWEST:
        names = ", ".join(knot.name for knot in use) or "none"
        raise AnalysisError(f"a curve needs {FEWEST} materials of known density with a CT number, there are {len(use)}: {names}")
    knots, pooled = _pooled(use)
    return Curve(tuple(knots), frozenset(pooled), left_out)


def _falls(knots: Sequence[Knot]) -> tuple[Knot, Knot] | None:
    """The neighbours between which the curve falls by more than its uncertainty, the worst pair; None when there is none."""
    pairs = [(a, b) for a, b in pairwise(knots) if a.value - b.value > (a.u_value**2 + b.u_value**2) ** 0.5]
    return max(pairs, key=lambda pair: pair[0].value - pair[1].value) if pairs else None


def _worse(knots: Sequence[Knot], pair: tuple[Knot, Knot]) -> Knot:
    """Which of two to leave out: the one whose value is less sure in proportion, else the one further from the curve through the others."""
    first, second = (knot.u_value / knot.value for knot in pair)
    if max(first, second) > SURER * min(first, second):
        return pair[first < second]

    def off(knot: Knot) -> float:
        others = [one for one in knots if one is not knot]
        return abs(evaluate(others, knot.hu).value - knot.value) if len(others) > 1 else 0.0

    return max(pair, key=off)


def _pooled(knots: Sequence[Knot]) -> tuple[list[Knot], list[str]]:
    """Neighbours that fall within their uncertainty share their weighted mean (pool adjacent violators)."""
    blocks: list[list[Knot]] = []
    for knot in knots:
        blocks.append([knot])
        while len(blocks) > 1 and _mean(blocks[-2])[0] > _mean(blocks[-1])[0]:
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    found = []
    for block in blocks:
        value, u = _mean(block)
        apart = max(abs(knot.value - value) for knot in block)
        found += block if len(block) == 1 else [Knot(k.name, k.hu, k.u_hu, value, (u**2 + apart**2) ** 0.5) for k in block]
    return found, [knot.name for block in blocks if len(block) > 1 for knot in block]


def _mean(block: Sequence[Knot]) -> tuple[float, float]:
    weights = [1 / knot.u_value**2 for knot in block]
    return sum(w * k.value for w, k in zip(weights, block, strict=True)) / sum(weights), sum(weights) ** -0.5


def residuals(found: Curve) -> dict[str, Number]:
    """By name, of every inner knot: the straight line between its neighbours minus its value, which is what a piece could hide."""
    result = {}
    for k in range(1, len(found.knots) - 1):
        knot, others = found.knots[k], (found.knots[k - 1], found.knots[k + 1])
        between = evaluate(others, knot.hu, knot.u_hu)
        result[knot.name] = number(between.value - knot.value, {"neighbours": between.u, "its own value": knot.u_value})
    return result
