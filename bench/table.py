"""Plain markdown tables with a verdict per row, and a progress bar where somebody watches."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

T = TypeVar("T")

MET, MISSED, OPEN, NONE = "met", "**MISSED**", "undecided", "-"


@dataclass
class Errors:
    """Distances from the truth (mm), and the reasons of what was refused instead."""

    mm: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, error_mm: Sequence[float] | np.ndarray | None, reason: str = "") -> None:
        """One more image: an error vector, or why there is none."""
        if error_mm is None:
            self.refused[reason] += 1
        else:
            self.mm.append(float(np.linalg.norm(error_mm)))

    @property
    def rms(self) -> float:
        """Root mean square; infinite for no answer at all."""
        return float(np.sqrt(np.mean(np.square(self.mm)))) if self.mm else np.inf

    @property
    def largest(self) -> float:
        """The largest; infinite for no answer at all."""
        return max(self.mm, default=np.inf)

    def __str__(self) -> str:
        """rms / max, and how many were refused."""
        if not self.mm and not self.refused:
            return NONE
        refused = f" ({self.refused.total()} refused)" if self.refused else ""
        return f"{mm(self.rms)} / {mm(self.largest)}{refused}"


@dataclass(frozen=True)
class Row:
    """One line of a table: everything in words but the verdict's reasons, which are below it."""

    what: str
    n: int
    goal: str
    ours: str
    peer: str
    verdict: str = NONE
    bound: str = NONE
    remarks: tuple[str, ...] = ()


def mm(value: float) -> str:
    """Millimetres to a tenth of a micrometre."""
    return "none" if not np.isfinite(value) else f"{value:.4f}"


def within(value: float, goal: float, bound: float = 0.0) -> str:
    """Met or missed; a goal below the bound is nobody's to meet."""
    if value <= goal:
        return MET
    return f"{MISSED}; goal below bound" if bound > goal else MISSED


def between(value: float, low: float, high: float, spread: float) -> str:
    """Met inside; outside by less than three standard errors it is undecided: more images would tell (there are some fifty such rows)."""
    if low <= value <= high:
        return MET
    return OPEN if low - 3 * spread <= value <= high + 3 * spread else MISSED


def worst(*verdicts: str) -> str:
    """The least good of some verdicts."""
    return max(verdicts, key=lambda v: (MISSED in v, v == OPEN, len(v)))


def both(first: str, second: str) -> str:
    """The verdicts of a cell that holds two numbers."""
    return first if first == second else f"{first} / {second}"


def refusals(counts: Counter[str], whose: str) -> tuple[str, ...]:
    """How often which reason was given, numbers in it left out."""
    alike: Counter[str] = Counter()
    for reason, n in counts.items():
        alike[re.sub(r"\d+(\.\d+)?", "#", reason)[:170]] += n
    return tuple(f"{whose} refused {n}: {reason}" for reason, n in alike.most_common(4))


def show(title: str, rows: Iterable[Row], peer: str = "pylinac") -> None:
    """A table in markdown with that peer's column, remarks below it."""
    rows = list(rows)
    print(f"\n## {title}\n\n| what | n | goal | ours | {peer} | bound | verdict |\n|---|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.n} | {row.goal} | {row.ours} | {row.peer} | {row.bound} | {row.verdict} |")
    remarks = [f"* {row.what}: {remark}" for row in rows for remark in row.remarks]
    if remarks:
        print("\n" + "\n".join(remarks))
    sys.stdout.flush()


def progress(items: Sequence[T], what: str) -> Iterable[T]:
    """The items one by one, with a bar on a terminal (standard error) and silence elsewhere."""
    console = Console(stderr=True)
    return track(items, what, console=console, transient=True, disable=not console.is_terminal)


def alone(arguments: Sequence[str] | None, module: str, title: str, rows: Callable[[bool, int], list[Row]]) -> int:
    """The table of one module by itself, ``rows(quick, seed)``; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{module}", description=title)
    parser.add_argument("--quick", action="store_true", help="a few draws: a look, not a judgement")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default 1)")
    asked = parser.parse_args(arguments)
    found = rows(asked.quick, asked.seed)
    show(title, found)
    return 1 if any(MISSED in row.verdict for row in found) else 0
