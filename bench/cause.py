"""python -m bench.cause: how often the cause of a single fault is named, on machines simulated by rays; and when none may be named.

A machine has a year of monthly and of morning checks, then one fault. Day by day ball, panels and head stand a little elsewhere
than usual, and every image has noise. No other tool answers this question, so none is beside it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported

import argparse
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.table import MET, MISSED, NONE, Row, progress, show
from phantoms.examples import typical, typical_kv
from phantoms.machine import Linac, Wave
from phantoms.machine_day import Day, Noise, Read
from qa.cause import Verdict, of_points
from qa.cause_signatures import BALL, BESIDE, COUCH, KEYS, KV, MOVED, MV, SAG
from qa.history import Point
from qa.reading import Measured, Quantity

Array = np.ndarray
FIRST = datetime(2025, 1, 6, 7, 0, tzinfo=UTC)
EARLIER = 12  # a year of monthly checks
GOAL = 0.95
SIZES_MM = 0.3, 2.0
TRAVEL_MM = 50.0  # of the couch check: a fault of that many mm at its end
FAULTS = (BALL, KV, MV, SAG, COUCH["x"], COUCH["y"], COUCH["z"], MOVED)
TESTS = "beam", "imaging", "couch", "morning"


@dataclass(frozen=True)
class Usual:
    """What an ordinary day does, standard deviations in mm: the ball's place by images and by lasers, panels, the head's sag."""

    ball: float = 0.05
    lasers: float = 0.3
    panel: float = 0.03
    sag: float = 0.01


ORDINARY = Usual()


@dataclass(frozen=True)
class Fault:
    """What is wrong: mm along (x, y, z), (u, v) or of sag, or of the couch at 50 mm; by name."""

    name: str
    vector: tuple[float, ...]


def a_fault(name: str, size_mm: float, rng: np.random.Generator) -> Fault:
    """A fault of that size in any direction."""
    count = {KV: 2, MV: 2, SAG: 2}.get(name, 1 if name in COUCH.values() else 3)
    along = rng.standard_normal(count)
    return Fault(name, tuple(float(x) for x in size_mm * along / np.linalg.norm(along)))


def a_day(rng: np.random.Generator, usual: Usual, faults: Sequence[Fault], linac: Linac, kv: Linac) -> Day:
    """The machine as it is that day."""
    ball, morning, moved = rng.normal(0, usual.ball, 3), rng.normal(0, usual.lasers, 3), np.zeros(3)
    panels = rng.normal(0, usual.panel, (2, 2))
    sag = rng.normal(0, usual.sag, 2)
    scale = np.ones(3)
    for fault in faults:
        vector = np.array(fault.vector)
        if fault.name == BALL:
            ball = ball + vector
        elif fault.name == MOVED:
            ball, moved = ball + vector, vector
        elif fault.name == SAG:
            sag = sag + vector
        elif fault.name in (KV, MV):
            panels[int(fault.name == MV)] += vector
        else:
            scale[[*COUCH.values()].index(fault.name)] += vector[0] / TRAVEL_MM
    x, y, z = (float(s) for s in scale)
    beam = replace(
        _panel(linac, panels[1]),
        head_u_mm=_plus(linac.head_u_mm, sin=float(sag[0])),
        head_v_mm=_plus(linac.head_v_mm, cos=float(sag[1])),
        couch_scale=(x, y, z),
    )
    return Day(beam, replace(_panel(kv, panels[0]), couch_scale=(x, y, z)), ball, morning, moved, np.zeros(3), rng, Noise())


def _panel(linac: Linac, shift_mm: Array) -> Linac:
    """Displaced by so much at the isocentre."""
    u, v = (float(s) * linac.sid_mm / linac.sad_mm for s in shift_mm)
    return replace(linac, panel_u_mm=_plus(linac.panel_u_mm, mean=u), panel_v_mm=_plus(linac.panel_v_mm, mean=v))


def _plus(wave: Wave, **more: float) -> Wave:
    return replace(wave, **{name: getattr(wave, name) + value for name, value in more.items()})


def points(day: Day, when: datetime, tests: Sequence[str] = TESTS) -> list[Point]:
    """The day's numbers as a store would give them, a test a record."""
    beam, imaging = day.monthly()
    every = {"beam": beam, "imaging": imaging, "couch": day.couch(), "morning": day.morning()}
    return [_point(name, when, read) for name in tests for read in every[name]]


def _point(test: str, when: datetime, read: Read) -> Point:
    quantity = Quantity(read.key, "" if "scale" in read.key else "mm", read.key, "simulated")
    return Point(f"{test} {when:%Y-%m-%d}", test, "1", when, when, True, Measured(quantity, read.value, read.u, read.at))


class Year:
    """A year of one machine without a fault, and days after it."""

    def __init__(self, seed: Sequence[int], usual: Usual = ORDINARY, tests: Sequence[str] = TESTS) -> None:
        """The same seed gives the same year, and the same days in the same order."""
        self.rng, self.usual, self.tests = np.random.default_rng([*seed]), usual, tests
        self.machine = typical(), typical_kv()
        self.last = FIRST + timedelta(days=30 * EARLIER)
        self.before = [point for n in range(EARLIER) for point in self._day((), FIRST + timedelta(days=30 * n))]

    def ask(self, *faults: Fault) -> Verdict:
        """The cause of what a day with these faults shows."""
        found = [*self.before, *self._day(faults, self.last)]
        keyed = [point for point in found if point.reading.quantity.key in KEYS]
        beside = [point for point in found if point.reading.quantity.key in BESIDE]
        return of_points("simulated", keyed, beside, (), self.last - timedelta(days=1))

    def _day(self, faults: Sequence[Fault], when: datetime) -> list[Point]:
        return points(a_day(self.rng, self.usual, faults, *self.machine), when, self.tests)


def answers(n: int, seed: int, usual: Usual = ORDINARY, faults: Sequence[str] = FAULTS) -> dict[str, Counter[str]]:
    """What is answered, by what is wrong: each fault alone, nothing (three days a machine), two faults, one half to all of the other."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for k in progress(range(n), "machines"):
        year, rng = Year((seed, k), usual), np.random.default_rng([seed, k, 1])
        for name in faults:
            found[name][_said(year.ask(a_fault(name, float(rng.uniform(*SIZES_MM)), rng)))] += 1
        for _ in range(3):
            found["nothing"][_said(year.ask())] += 1
        if len(faults) > 1:
            one, other = rng.choice(len(faults), 2, replace=False)
            size = float(rng.uniform(*SIZES_MM))
            pair = a_fault(faults[one], size, rng), a_fault(faults[other], size * float(rng.uniform(0.5, 1.0)), rng)
            verdict = year.ask(*pair)
            kinds = f" of {pair[0].name} + {pair[1].name}" if verdict.named else ""
            found["two"][_said(verdict) + kinds] += 1
    return found


def _said(verdict: Verdict) -> str:
    return f"named: {verdict.named}" if verdict.named else verdict.why


def rows(n: int, seed: int) -> list[Row]:
    """Single faults, none, two, and a ball set up by lasers."""
    found, made = answers(n, seed), []
    right = sum(found[name][f"named: {name}"] for name in FAULTS)
    for name in FAULTS:
        made.append(_row(f"{name}, 0.3 to 2 mm", n, found[name], name))
    share = right / (n * len(FAULTS))
    made.append(Row("all single faults", n * len(FAULTS), ">= 95 % right", f"{share:.1%} right", NONE, MET if share >= GOAL else MISSED))
    for what, count in (("nothing", 3 * n), ("two", n)):
        wrong = sum(times for answer, times in found[what].items() if answer.startswith("named"))
        said = tuple(f"{answer}: {times}" for answer, times in found[what].most_common(8))
        name = {"nothing": "nothing wrong", "two": "two faults at once"}[what]
        made.append(Row(name, count, "0 named", f"{wrong} named", NONE, MISSED if wrong else MET, remarks=said))
    rough = answers(n, seed + 1, Usual(ball=0.3), (BALL,))
    made.append(_row("ball set-up where it scatters by 0.3 mm, 0.3 to 2 mm", n, rough[BALL], BALL, ""))
    return made


def _row(what: str, n: int, found: Counter[str], name: str, goal: str = ">= 95 % right") -> Row:
    share = found[f"named: {name}"] / n
    others = tuple(f"{answer}: {count}" for answer, count in found.most_common() if answer != f"named: {name}")
    return Row(what, n, goal or NONE, f"{share:.1%} right", NONE, (MET if share >= GOAL else MISSED) if goal else NONE, remarks=others)


def main(arguments: Sequence[str] | None = None) -> int:
    """The table; status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.cause", description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=100, help="machines")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    found = rows(options.n, options.seed)
    show("Cause of a change", found)
    return int(any(MISSED in row.verdict for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
