"""python -m bench.phantom_pulls: does the scatter between noise draws match the stated uncertainty? Pulls of rehearsals, of every test."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported

import argparse
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bench.table import MISSED, NONE, Row, progress, show
from bench.uncertainty import Pulls
from qa.procedure import load, names, where
from qa.reading import Measured


def rows(name: str, n: int, seed: int) -> list[Row]:
    """One row per quantity: spread and mean of the pulls, share of truths within 2u, and the largest pull."""
    procedure, pulls = load(name), defaultdict(Pulls)
    for k in progress(range(n), name):
        rehearsal = procedure.rehearse(np.random.default_rng([seed, k]))
        for reading in procedure.analyse(rehearsal.acquisition).readings:
            key = reading.quantity.key
            truth = rehearsal.truth.get((key, where(reading.at)), rehearsal.truth.get((key, "")))
            if isinstance(reading, Measured) and not reading.missing and truth is not None:
                held = None if reading.interval is None else reading.interval[0] <= truth <= reading.interval[1]
                pulls[key].add(reading.value - truth, reading.u, held)
    return [_row(f"{name}: {key}", found) for key, found in sorted(pulls.items()) if len(found.pull) > 2]


def _row(what: str, found: Pulls) -> Row:
    said = f"{found.cell()}, largest {np.abs(found.pull).max():.1f}"
    return Row(what, len(found.pull), "sd 0.8 to 1.2", said, NONE, found.verdict())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table per test; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.phantom_pulls", description="Is the stated uncertainty meant?")
    parser.add_argument("--rehearsals", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("tests", nargs="*", default=names(), help="names of procedures; all of them without")
    asked = parser.parse_args(arguments)
    missed = False
    for name in asked.tests:
        found = rows(name, asked.rehearsals, asked.seed)
        missed = missed or any(MISSED in row.verdict for row in found)
        show(f"Pulls of {name}, {asked.rehearsals} rehearsals", found)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
