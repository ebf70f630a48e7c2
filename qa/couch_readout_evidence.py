"""What a calibration of the couch readout shows: the affine, its covariance, and the corrections that a service engineer can use."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from qa.couch_affine import AXES, WORDS, Affine, fit
from qa.couch_readout_readings import reach
from qa.couch_travel import Travel
from qa.evidence import Curve, Evidence, Series, Table

POINTS = 5  # of a correction table along each axis
ELEMENTS = tuple(a + b for a, b in product(AXES, repeat=2))


def show(travels: Sequence[Travel]) -> tuple[Evidence, ...]:
    """For every imaging system: residuals, affine, corrections, covariance."""
    found: list[Evidence] = []
    for travel in travels:
        affine = fit(travel)
        found += [*_residuals(travel, affine), _matrix(travel, affine), _corrections(travel, affine), _covariance(travel, affine)]
    return tuple(found)


def _residuals(travel: Travel, affine: Affine) -> list[Curve]:
    """What the affine leaves over at every stop."""
    known = [k for k, is_known in enumerate(travel.known) if is_known]
    if not known or affine.freedom < 1:
        return []
    variance = np.sum(list(affine.residual_components.values()), axis=0)
    series = []
    for axis, letter in enumerate(AXES):
        order = sorted(known, key=lambda k: travel.readout_mm[k, axis])
        x = tuple(float(travel.readout_mm[k, axis]) for k in order)
        y = tuple(float(affine.residual_mm[k, axis]) for k in order)
        series.append(Series(WORDS[letter], x, y, "points", tuple(float(np.sqrt(max(variance[k, axis], 0.0))) for k in order)))
    axes = ("readout from the first stop along the same axis / mm", "measured - affine / mm")
    return [Curve(f"{travel.stops.kind}: what the affine leaves over", axes, tuple(series), note="Bars u.")]


def _matrix(travel: Travel, affine: Affine) -> Table:
    rows = []
    for row, letter in enumerate(AXES):
        cells: list[str] = []
        for column in range(3):
            u = float(np.sqrt(sum(part**2 for part in affine.u(row, column).values())))
            known = not affine.reasons[column]
            cells += [f"{affine.matrix[row, column]:+.6f}" if known else "not determined", f"{2 * u:.6f}" if known else ""]
        rows.append((letter, *cells))
    header = ("true mm along", *(text for axis in AXES for text in (f"for 1 mm read out along {axis}", "U")))
    absent = "; ".join(filter(None, affine.reasons))
    note = f"True move = this matrix times the readout's move (x lateral, y longitudinal, z vertical, couch at 0). {absent}".strip()
    return Table(f"{travel.stops.kind}: couch readout to displacement", header, tuple(rows), note)


def _corrections(travel: Travel, affine: Affine) -> Table:
    """What to add to a readout's move along one axis, in steps over the range that was measured."""
    rows: list[tuple[str, ...]] = []
    for axis, letter in enumerate(AXES):
        if affine.reasons[axis]:
            rows.append((WORDS[letter], "", "", affine.reasons[axis], "", "", "", "", ""))
            continue
        low, high = reach(travel, axis)
        u = [2 * float(np.sqrt(sum(part**2 for part in affine.u(row, axis).values()))) for row in range(3)]
        for step in np.linspace(0.0, high - low, POINTS)[1:].tolist():
            add = (affine.matrix[:, axis] - np.eye(3)[axis]) * step
            cells = [f"{value:+.3f}" for value in add.tolist()] + [f"{value * step:.3f}" for value in u]
            rows.append((WORDS[letter], f"{low:.2f} to {high:.2f}", f"{step:.2f}", *cells))
    header = (
        "axis", "measured from to, readout / mm", "readout's move / mm",
        "add along x / mm", "add along y / mm", "add along z / mm", "U x / mm", "U y / mm", "U z / mm",
    )  # fmt: skip
    note = "True move = readout's move plus what is to be added; the other way the other sign. Nothing is known beyond the range."
    return Table(f"{travel.stops.kind}: corrections of the couch readout", header, tuple(rows), note)


def _covariance(travel: Travel, affine: Affine) -> Table:
    """The (9, 9) covariance of the elements; what is not determined has none."""
    whole = np.sum(list(affine.components.values()), axis=0) if affine.components else np.zeros((9, 9))
    known = [k for k in range(9) if not affine.reasons[k % 3]]
    rows = tuple((ELEMENTS[i], *(f"{whole[i, j]:.4e}" for j in known)) for i in known)
    header = ("element", *(ELEMENTS[j] for j in known))
    return Table(f"{travel.stops.kind}: covariance of the affine", header, rows, "Of the elements true mm per mm read out, k = 1.")
