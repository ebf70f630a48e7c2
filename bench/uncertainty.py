"""Row 4: does the stated uncertainty say how wrong the value is? Pulls (error over u) and how often value +/- 2u holds the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench import ours
from bench.scenes import Scene, around, ball_in, cut, take
from bench.table import Row, between, progress, refusals, within, worst
from phantoms.aperture import REALISTIC, SIMPLE, Cone, Leaves, Rectangle
from phantoms.panel import AS1200
from phantoms.view import View
from qa.procedure import load
from qa.reading import Measured

Random = np.random.Generator
SPREAD = (0.8, 1.2)  # standard deviation of the pulls
COVERAGE = (93.0, 97.0)  # per cent of the truths within U = 2u (95.4 for a Gaussian)
BIAS = 0.3  # mean pull
REFUSED = 0.01  # of clean images
SCALE = 5e-4  # relative standard deviation of the true distance of the panel: what the readings state for it
ABSURD_MM = 100.0  # a truth beyond this is a failure of the optimiser that made it
NOISES = (("white 0.3 %", 0.003, 0.0), ("correlated 0.4, 0.3 %", 0.003, 0.4), ("correlated 0.8, 0.3 %", 0.003, 0.8))
UPRIGHT = "20 mm along the pixels, 5 mm ball"  # the commonest image of all, and the one that leaves the fits the least
KINDS = ("rectangle", "leaves", "cone", UPRIGHT)


@dataclass
class Pulls:
    """Errors in units of the stated uncertainty, and whether the stated 95 % range held the truth."""

    pull: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)

    def add(self, error: float, u: float, held: bool | None = None) -> None:
        """One more value; ``held`` where the value states an interval of its own."""
        self.pull.append(error / u)
        self.held.append(abs(error) <= 2 * u if held is None else held)

    def cell(self) -> str:
        """What a table shows."""
        return f"sd {np.std(self.pull):.2f}, mean {np.mean(self.pull):+.2f}, {100 * np.mean(self.held):.1f} % held"

    def verdict(self) -> str:
        """Spread, coverage and bias, each with the sampling error of so many values."""
        n = len(self.pull)
        held = 100 * float(np.mean(self.held))
        return worst(
            between(float(np.std(self.pull)), *SPREAD, _spread_error(self.pull)),
            between(held, *COVERAGE, 100 * float(np.sqrt(0.95 * 0.05 / n))),
            between(float(np.mean(self.pull)), -BIAS, BIAS, float(np.std(self.pull) / np.sqrt(n))),
        )


def _spread_error(pull: Sequence[float]) -> float:
    """Standard error of the standard deviation, from the fourth moment: pulls may have tails; at least that of Gaussian pulls."""
    x = np.array(pull) - np.mean(pull)
    return float(np.sqrt(max(np.mean(x**4) / np.mean(x**2) - np.mean(x**2), 2.0) / (4 * len(x))))


def clinical(rng: Random, kind: str, sigma: float, correlation: float) -> Scene:
    """A clean image as clinics take them: AS1200 at 1500 mm, fields of 17 to 30 mm, balls of 5 to 8 mm of several densities, any angle."""
    diameter, angle = (5.0, 0.0) if kind == UPRIGHT else (float(rng.uniform(5, 8)), float(rng.uniform(0, 360)))
    width, height = (float(x) for x in rng.uniform(diameter + 12, 30, 2))
    apertures = {"rectangle": Rectangle(width, height), "leaves": Leaves(width, 20.0), "cone": Cone(width), UPRIGHT: Rectangle(20.0, 20.0)}
    penumbra, error = SIMPLE if rng.random() < 0.3 else REALISTIC, float(rng.normal(0, SCALE * 1500.0))
    view = View(cut(AS1200, 1500.0), apertures[kind], penumbra, around((0, 0), 2.0, rng), angle, sid_error_mm=error)
    return take(ball_in(view, diameter, 1.5, rng, float(rng.uniform(0.07, 0.15)), float(rng.uniform(0.4, 0.7))), rng, sigma, correlation)


def image_row(n: int, seed: Sequence[int], kind: str, noise: tuple[str, float, float]) -> Row:
    """Ball minus field along u and v."""
    pulls, refused, seeds = Pulls(), Counter[str](), []
    for k in progress(range(n), f"pulls, {kind}, {noise[0]}"):
        scene = clinical(np.random.default_rng([*seed, k]), kind, *noise[1:])
        answer = ours.answer(scene)
        if answer.refused:
            refused[answer.refused] += 1
            seeds.append(k)
            continue
        for error, u in zip(answer.error_mm(scene), answer.u_mm, strict=True):
            pulls.add(error, u)
    rate = refused.total() / n
    verdict = worst(pulls.verdict(), within(rate, REFUSED))
    remarks = refusals(refused, f"(seeds {[*seed]} + {seeds[:6]}) ours") if refused else ()
    goal, cell = "sd 0.8-1.2, 93-97 %, < 1 % refused", f"{pulls.cell()}, {refused.total()} refused"
    return Row(f"4 ball offset, {kind}, {noise[0]}", 2 * n, goal, cell, "states none", verdict, "sd 1, 95.4 %", remarks)


def rehearsed(n: int, seed: Sequence[int], procedure: str = "winston_lutz") -> tuple[dict[str, Pulls], Counter[str], dict[str, list[str]]]:
    """Pulls of every quantity over ``n`` rehearsals, how often there was none, and truths that are none.

    Values that say that something is missing count as none.
    """
    plan = load(procedure)
    pulls: dict[str, Pulls] = defaultdict(Pulls)
    absent: Counter[str] = Counter()
    lost: dict[str, list[str]] = defaultdict(list)
    for k in progress(range(n), "rehearsals"):
        rehearsal = plan.rehearse(np.random.default_rng([*seed, k]))
        for reading in plan.analyse(rehearsal.acquisition).readings:
            uid = str(reading.at.get("sop_instance_uid", ""))
            key = reading.quantity.key
            truth = rehearsal.truth.get((key, uid), rehearsal.truth.get((key, "")))
            if truth is None:
                continue
            if not abs(truth) < ABSURD_MM:
                lost[key].append(f"the rehearsal's own truth failed, left out: {truth:g} mm at seed {[*seed, k]}")
                continue
            if not isinstance(reading, Measured) or reading.missing:
                absent[key] += 1
                continue
            held = None if reading.interval is None else reading.interval[0] <= truth <= reading.interval[1]
            pulls[key].add(reading.value - truth, reading.u, held)
    return pulls, absent, lost


def set_rows(n: int, seed: Sequence[int]) -> list[Row]:
    """Every quantity of a rehearsal against its truth."""
    goal = "sd 0.8-1.2, 93-97 %"
    pulls, absent, lost = rehearsed(n, seed)
    rows = []
    for key, found in pulls.items():
        cell = found.cell() + (f", {absent[key]} not measured" if absent[key] else "")
        rows.append(
            Row(f"4 rehearsed {key}", len(found.pull), goal, cell, "states none", found.verdict(), "sd 1, 95.4 %", tuple(lost[key]))
        )
    return rows


def rows(quick: bool, seed: int) -> list[Row]:
    """Row 4."""
    n = 40 if quick else 300
    single = [image_row(n, (seed, 10, i, j), kind, noise) for i, kind in enumerate(KINDS) for j, noise in enumerate(NOISES)]
    return single + set_rows(20 if quick else 400, (seed, 11))
