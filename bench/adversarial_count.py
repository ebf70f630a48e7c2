"""One image judged, and the images of a kind counted: answers, refusals, and errors that nothing gave away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench import adversarial_kv_answers, ours, peer
from bench.adversarial_draft import Draft
from bench.adversarial_kinds import CLEAN, HARMLESS, KINDS, Kind, kind_of
from bench.adversarial_kv import KvDraft
from bench.ours import Answer
from bench.scenes import Scene
from qa.features.turns import COUNT

SILENT_MM = 0.2  # an answer further than this from the truth, given as if nothing were wrong
COVERAGE = 3.0  # times U = 2u in one coordinate: beyond it the stated uncertainty is wrong
PROGRAMS = ("ours", "pylinac")


@dataclass(frozen=True)
class Verdict:
    """What a program made of an image: ``error_mm`` of ball minus field, the larger one where two balls may be meant, infinite where there
    is nothing to measure; ``beyond`` when it is more than 3 U in a coordinate; ``refused`` is the reason, or empty.
    """

    number: int
    program: str
    refused: str = ""
    error_mm: float = 0.0
    beyond: bool = False

    @property
    def silent(self) -> bool:
        """Wrong by more than 0.2 mm and not refused."""
        return not self.refused and self.error_mm > SILENT_MM


def scene_of(seed: int, number: int) -> tuple[Draft, Scene]:
    """That image of the campaign of that seed, the same whoever draws it and whatever was drawn before."""
    rng = np.random.default_rng([seed, number])
    draft = kind_of(number).draft(rng)
    return draft, draft.scene(rng)


def judge(number: int, program: str, draft: Draft, answer: Answer) -> Verdict:
    """An answer against where the balls of the draft are."""
    if answer.refused:
        return Verdict(number, program, answer.refused)
    if not draft.centres:
        return Verdict(number, program, error_mm=np.inf)
    assert answer.ball_mm is not None
    assert answer.field_mm is not None
    errors = [answer.ball_mm - answer.field_mm - np.subtract(centre, draft.reference_mm) for centre in draft.centres]
    beyond = answer.u_mm is not None and bool((np.abs(errors[0]) > COVERAGE * 2 * answer.u_mm).any())
    worst = max(float(np.hypot(*error)) for error in errors)
    return Verdict(number, program, error_mm=worst if np.isfinite(worst) else np.inf, beyond=beyond)


def answers(number: int, draft: Draft, scene: Scene, with_peer: bool) -> dict[str, Answer]:
    """What each program says of an image: pylinac is told the ball's diameter, and in an open field roughly where the ball is."""
    diameter = draft.view.balls[0].diameter_mm if draft.view.balls else 5.0
    if isinstance(draft, KvDraft):
        found = {"ours": adversarial_kv_answers.ours(draft, scene, number % COUNT + 1)}
        return found | ({"pylinac": adversarial_kv_answers.peer(draft, scene)} if with_peer else {})
    return {"ours": ours.answer(scene)} | ({"pylinac": peer.answer(scene, diameter)} if with_peer else {})


def verdicts(seed: int, number: int, with_peer: bool) -> list[Verdict]:
    """Both programs' answers to an image, judged."""
    draft, scene = scene_of(seed, number)
    return [judge(number, program, draft, answer) for program, answer in answers(number, draft, scene, with_peer).items()]


@dataclass
class Tally:
    """The images of a kind, counted for one program."""

    kind: Kind
    images: int = 0
    errors_mm: list[float] = field(default_factory=list)
    silent: list[Verdict] = field(default_factory=list)
    beyond: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        """One more."""
        self.images += 1
        if verdict.refused:
            self.refused[re.sub(r"\d+(\.\d+)?", "#", verdict.refused)[:110]] += 1
            return
        if np.isfinite(verdict.error_mm):
            self.errors_mm.append(verdict.error_mm)
        if verdict.silent:
            self.silent.append(verdict)
        if verdict.beyond:
            self.beyond.append(verdict.number)

    @property
    def measured(self) -> int:
        """Images with an answer, right or wrong."""
        return self.images - self.refused.total()

    @property
    def false_refusals(self) -> int:
        """Refusals of images that can be measured and should be."""
        return self.refused.total() if self.kind.expected in (CLEAN, HARMLESS) else 0


def tally(found: Iterable[Verdict], program: str) -> list[Tally]:
    """A program's verdicts kind by kind, in the order of the kinds; kinds without an image are left out."""
    tallies = {kind.name: Tally(kind) for kind in KINDS}
    for verdict in sorted((v for v in found if v.program == program), key=lambda v: v.number):
        tallies[kind_of(verdict.number).name].add(verdict)
    return [one for one in tallies.values() if one.images]


def total(tallies: Sequence[Tally]) -> tuple[int, int, int, int]:
    """Silent errors, errors beyond 3 U, clean images refused, and clean images."""
    clean = [one for one in tallies if one.kind.expected == CLEAN]
    return (
        sum(len(one.silent) for one in tallies),
        sum(len(one.beyond) for one in tallies),
        sum(one.refused.total() for one in clean),
        sum(one.images for one in clean),
    )
