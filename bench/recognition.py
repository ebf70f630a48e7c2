"""python -m bench.recognition: which phantom is it? Drawn at random pose, dose and field of view; the real ones where there are any.

An answer is right, asked (not sure: a person is asked), missed (a known phantom taken for none), or wrong (a name that it does not have):
the last must never happen.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.recognition_ct import CT_NONE, ct_case
from bench.recognition_planar import PLANAR_NONE, planar_case
from bench.recognition_real import real_cases
from bench.table import MET, MISSED, NONE, Row, progress, show
from phantoms.models import ct_models, planar_models

SHARE = 0.99  # the goal: right answers; wrong ones: none


@dataclass
class Tally:
    """Answers for one kind of phantom; ``shown`` are the cases that were not right, to be drawn again from their seeds."""

    counts: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def add(self, truth: str, answer: str, case: str) -> None:
        """One more answer: a model's key, "none", or why it is neither (anything with a blank in it)."""
        verdict = "right" if answer == truth else "asked" if " " in answer else "missed" if answer == "none" else "wrong"
        self.counts[verdict] += 1
        if verdict != "right":
            self.shown.append(f"{case}: {truth} answered {answer[:200]}")


def rows(n: int, seed: int, only: str = "") -> list[Row]:
    """One row per phantom, and one for each of what is none; then all together."""
    kinds = [(model.key, ct_case) for model in ct_models()] + [(name, ct_case) for name in CT_NONE]
    kinds += [(model.key, planar_case) for model in planar_models()] + [(name, planar_case) for name in PLANAR_NONE]
    kinds = [kind for kind in kinds if only in kind[0]]
    each, table, total = max(1, n // len(kinds)), [], Tally()
    for place, (name, case) in enumerate(kinds):
        tally = Tally()
        for k in progress(range(each), name):
            truth, answer = case(name, np.random.default_rng([seed, place, k]))
            tally.add(truth, answer, f"seed {seed} {place} {k}")
        table.append(_row(name, tally))
        total.counts += tally.counts
        total.shown += tally.shown
    real = Tally()
    for name, truth, answer in real_cases():
        real.add(truth, answer, name)
    if real.counts:
        table.append(_row("real images", real))
        total.counts += real.counts
    return [*table, _row("all", total)]


def _row(name: str, tally: Tally) -> Row:
    n = tally.counts.total()
    right, asked, missed, wrong = (tally.counts[verdict] for verdict in ("right", "asked", "missed", "wrong"))
    verdict = NONE if name != "all" else MET if right >= SHARE * n and not wrong else MISSED
    remarks = tuple(tally.shown) if name != "all" else ()
    said = f"{right} right, {asked} asked, {missed} missed, {wrong} wrong"
    return Row(name, n, f"{SHARE:.0%}, 0 wrong", said, NONE, verdict, remarks=remarks)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.recognition", description="Which phantom is it?")
    parser.add_argument("--images", type=int, default=520, help="phantoms and other things drawn (default 520)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="kinds whose name holds this word")
    asked = parser.parse_args(arguments)
    found = rows(asked.images, asked.seed, asked.only)
    show("Recognition (pylinac recognises nothing: it takes the class that it is told)", found)
    return 1 if any(MISSED in row.verdict for row in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
