"""python -m bench.sharpness: the MTF of a known point spread from an edge, ours and pylinac's edge form on the same pixels."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from bench.table import MISSED, Row, progress, show, within
from qa.features.mtf_edge import mtf_of_line
from qa.reading import AnalysisError

Array = NDArray[np.float64]
PERCENT = 1.0  # the goal: error of MTF50
PITCH_MM = 0.224
BLURS_MM = (0.2, 0.3, 0.5)
SHAPE = (81, 96)


def edge(rng: np.random.Generator, blur_mm: float, noise: float) -> tuple[Array, float]:
    """An edge of height 1 behind a Gaussian, sampled at the pixels' centres, a few degrees from the columns; and its angle."""
    angle = float(rng.uniform(1.5, 6.0))
    offset = float(rng.uniform(-1, 1)) * PITCH_MM
    y, x = ((np.arange(n) - (n - 1) / 2) * PITCH_MM for n in SHAPE)
    away = x[None, :] * np.cos(np.radians(angle)) + y[:, None] * np.sin(np.radians(angle)) - offset
    return 1 + 0.5 * (1 + erf(away / blur_mm / np.sqrt(2))) + noise * rng.standard_normal(SHAPE), angle


def half(blur_mm: float) -> float:
    """Where exp(-2 pi^2 f^2 s^2) is one half."""
    return float(np.sqrt(np.log(2) / 2)) / (np.pi * blur_mm)


def theirs(image: Array, angle_deg: float) -> float:
    """pylinac's EdgeSpreadFunctionMTF of every row, with the sample spacing across the edge; no window, as its longer edges have none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pylinac.core.mtf import EdgeSpreadFunctionMTF

        found = EdgeSpreadFunctionMTF(list(image), sample_spacing=PITCH_MM * np.cos(np.radians(angle_deg)), windowing=None)
        return float(found.relative_resolution(50))


def rows(n: int, seed: int) -> list[Row]:
    """Relative error of MTF50: the mean and the largest of n edges, for each blur, without and with noise."""
    table = []
    for noise in (0.0, 0.004):
        for blur in BLURS_MM:
            mine, other, pulls, refused = [], [], [], 0
            for k in progress(range(n), f"edges, blur {blur} mm"):
                image, angle = edge(np.random.default_rng([seed, round(1000 * blur), k, round(1e4 * noise)]), blur, noise)
                other.append(100 * (theirs(image, angle) / half(blur) - 1))
                try:
                    found = mtf_of_line(image, (PITCH_MM, PITCH_MM))[0].frequency(50)
                except AnalysisError:
                    refused += 1
                    continue
                mine.append(100 * (found.value / half(blur) - 1))
                pulls.append((found.value - half(blur)) / found.u)
            worst = max(map(abs, mine), default=np.inf)
            what = f"MTF50 of a Gaussian of {blur} mm at {PITCH_MM} mm sampling, {100 * noise:g} % noise: mean / largest error"
            remark = f"sd of ours over stated u {np.std(pulls):.2f}; refused {refused}"
            cells = f"{PERCENT:g} %", f"{np.mean(mine):+.2f} / {worst:.2f} %", f"{np.mean(other):+.2f} / {max(map(abs, other)):.2f} %"
            table.append(Row(what, n, *cells, within(worst, PERCENT), remarks=(remark,)))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.sharpness", description="The MTF of a known blur beside pylinac.")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    found = rows(asked.images, asked.seed)
    show("MTF from an edge whose blur is known", found)
    return 1 if any(MISSED in row.verdict for row in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
