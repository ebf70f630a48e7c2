"""Which planar phantom an image shows, which way round it lies, how sure that is, and what else it might have been.

The inside of every outline is held against what each known model should show there, in all rotations and mirror images. Size does not
decide: where along the beam a phantom lies is not known. Fails to tell apart models whose insides look alike; then it says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, planar_models
from qa.features import planar_faces, planar_rings
from qa.features.planar_likeness import Match, darker, logarithm, shut
from qa.features.planar_outline import Coarse, Outline, coarse, outlines

__all__ = ["Match", "Recognition", "recognise"]
# Scores of 560 drawn images and 6 real ones: the right model 0.90 to 0.99 (real: 0.70 to 0.98, another energy the lowest), every other
# model 0.61 at most and 0.37 or more behind; slabs with nothing or other parts in them 0.43 at most.
SURE, CLEAR = 0.65, 0.25  # score that is sure, and how far the runner-up must stay behind
LIKELY, CLOSE = 0.40, 0.03  # with the performer's word for it, and how far another model may lead it by then


@dataclass(frozen=True)
class Recognition:
    """What an image shows: ``found`` when it is sure, else None and ``reason`` what to do; ``ranking`` best match of each model tried.

    ``reversed``: its values fall with radiation, against what reading took them for. ``beside``: outlines of things that take light away
    elsewhere in the image.
    """

    found: Match | None
    ranking: tuple[Match, ...]
    reason: str
    reversed: bool = False
    outlines: int = 0
    beside: tuple[Outline, ...] = ()


def recognise(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], radiation: str, said: PlanarModel | None = None) -> Recognition:
    """The phantom in an image of that radiation ("MV" or "kV"). ``said`` is the model that the performer names: it is held against it.

    AnalysisError when the image is blank.
    """
    held = _Held.of(coarse(pixels, pitch_mm))
    verdicts = []
    for falls in (False, True):
        signal, seen, matches = _searched(held, falls)
        ranking = _ranking(matches, radiation)
        found, reason = _verdict(ranking, said, len(seen))
        other = _beside(found, matches) if found is not None else None
        if found is not None and other is not None:
            reason = f"two phantoms are in the image, a {found.model.name} and a {other.model.name}: image one at a time"
            found = None
        others = tuple(one for one in seen if found is not None and _apart(one, found.outline) and darker(signal, one))
        verdicts.append(Recognition(found, ranking, reason, falls, len(seen), others))
        if found is not None:
            return verdicts[-1]
    return verdicts[0]


@dataclass(frozen=True)
class _Held:
    """A coarse image as plain values: it equals every image of the same content."""

    content: bytes
    shape: tuple[int, ...]
    step_mm: tuple[float, float]
    corner_mm: tuple[float, float]
    levels: tuple[float, float]

    @classmethod
    def of(cls, image: Coarse) -> _Held:
        """What the image holds."""
        return cls(image.signal.tobytes(), image.signal.shape, image.step_mm, image.corner_mm, image.levels)

    def image(self) -> Coarse:
        """The image again, read-only."""
        return Coarse(np.frombuffer(self.content).reshape(self.shape), self.step_mm, self.corner_mm, self.levels)


@lru_cache(maxsize=2)
def _outlined(held: _Held) -> tuple[Outline, ...]:
    return outlines(held.image(), _ratios())


@lru_cache(maxsize=8)  # an image is looked at when it is asked what it shows, and again when that is measured: a few MB
def _searched(held: _Held, falls: bool) -> tuple[Coarse, tuple[Outline, ...], tuple[Match, ...]]:
    """The logarithm of the image, everything that may be an outline in it, and every model that one of these may be of."""
    signal, seen = logarithm(held.image(), falls), _outlined(held)
    return signal, seen, tuple(match for outline in seen for match in _matches(signal, outline))


def _matches(signal: Coarse, outline: Outline) -> list[Match]:
    """Every model that an outline may be of, in its best pose; none for a field between blades. ``signal`` holds logarithms."""
    if shut(signal, outline):
        return []
    return planar_rings.circular(signal, outline) if outline.shape == "circle" else planar_faces.square(signal, outline)


def _apart(one: Outline, other: Outline) -> bool:
    """Whether two outlines hold nothing in common."""
    far = float(np.hypot(*np.subtract(one.centre_mm, other.centre_mm)))
    return far > (min(one.size_mm) + min(other.size_mm)) / 2


def _beside(found: Match, matches: Sequence[Match]) -> Match | None:
    """A sure match whose middle lies outside the one found."""
    half = max(found.outline.size_mm) / 2
    far = (m for m in matches if m.score >= SURE and np.hypot(*np.subtract(m.outline.centre_mm, found.outline.centre_mm)) > half)
    return max(far, key=lambda m: m.score, default=None)


def _ratios() -> tuple[float, ...]:
    """Longer over shorter side of every rectangular phantom."""
    sides = [(model.width_mm, model.height_mm) for model in planar_models() if model.shape == "rectangle"]
    return tuple(sorted({max(pair) / min(pair) for pair in sides}))


def _ranking(matches: Sequence[Match], radiation: str) -> tuple[Match, ...]:
    """The best match of every model; of models that differ by nothing but the radiation they are for, the one for this radiation."""
    best: dict[str, Match] = {}
    for match in matches:
        held = best.get(match.model.key)
        if held is None or match.score > held.score:
            best[match.model.key] = match
    fitting = [m.model for m in best.values() if m.model.radiation == radiation]
    kept = [m for m in best.values() if m.model.radiation == radiation or not any(_twin(m.model, model) for model in fitting)]
    return tuple(sorted(kept, key=lambda m: -m.score))


def _twin(one: PlanarModel, other: PlanarModel) -> bool:
    """Whether two models are one phantom of which kV and MV images use different parts."""
    return one.key != other.key and (one.maker, one.shape, one.width_mm, one.height_mm) == (
        other.maker,
        other.shape,
        other.width_mm,
        other.height_mm,
    )


def _verdict(ranking: tuple[Match, ...], said: PlanarModel | None, seen: int) -> tuple[Match | None, str]:
    """The match to believe, or why none is."""
    if not seen:
        return None, "no phantom's outline shows: lay a planar phantom whole into the open field, away from the image's edges"
    known = "it is none of " + ", ".join(model.name for model in planar_models())
    if not ranking:
        return None, f"an outline shows, but of a shape that no known phantom has; {known}"
    top = ranking[0]
    other = next((m for m in ranking[1:] if m.model.key != top.model.key), None)
    lead = top.score - (other.score if other else 0.0)
    sure = top.score >= SURE and lead >= CLEAR
    words = f"{top.model.name} (score {top.score:.2f})" + (f", then {other.model.name} ({other.score:.2f})" if other else "")
    if said is not None:
        mine = next((m for m in ranking if m.model.key == said.key or _twin(m.model, said)), None)
        if sure and top.model.key != said.key and not _twin(top.model, said):
            return None, f"the image shows {words}, not {said.name} as stated; state the right phantom or image the stated one"
        if mine is not None and mine.score >= LIKELY and top.score - mine.score <= CLOSE:
            return mine, ""
        return None, f"the image does not look like {said.name} as stated; it looks most like {words}; state the right phantom"
    if sure:
        return top, ""
    if top.score >= LIKELY:
        return None, f"not sure which phantom this is: {words}; state it with --phantom"
    return None, f"what the outline holds looks like no known phantom (most like {words}); {known}"
