"""What a day of couch places shows: errors against readouts, the stops, the ball in its images, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa.couch_affine import AXES, WORDS, Affine, fit
from qa.couch_pictures import pictures, unused
from qa.couch_travel import Travel, room
from qa.evidence import Curve, Evidence, Series, Table


def show(travels: Sequence[Travel]) -> tuple[Evidence, ...]:
    """For every imaging system its curves, its stops, its pictures; then what was not used."""
    found: list[Evidence] = []
    for travel in travels:
        found += [*_curves(travel, fit(travel)), _stops(travel), *pictures(travel)]
    return (*found, unused(travels))


def _curves(travel: Travel, affine: Affine) -> list[Curve]:
    """Measured minus readout against readout, a plot for each axis, with the straight line where there is one."""
    known = [k for k, is_known in enumerate(travel.known) if is_known]
    if len(known) < 2:
        return []
    error, readout = travel.error_mm, travel.readout_mm
    variance = np.sum(list(travel.error_components.values()), axis=0).diagonal().reshape(-1, 3)
    curves = []
    for axis, letter in enumerate(AXES):
        order = sorted(known, key=lambda k: readout[k, axis])
        x = tuple(float(readout[k, axis]) for k in order)
        u = tuple(float(np.sqrt(max(variance[k, axis], 0.0))) for k in order)
        series = [Series("stops", x, tuple(float(error[k, axis]) for k in order), "points", u)]
        if not affine.reasons[axis]:
            line = error - affine.residual_mm
            series.append(Series("affine", x, tuple(float(line[k, axis]) for k in order), "points"))
        note = "The stop that others are measured from is at 0. The affine is that of all axes together."
        axes = (f"readout along {WORDS[letter]} / mm", "measured - readout / mm")
        curves.append(Curve(f"{travel.stops.kind}: couch along {WORDS[letter]}", axes, tuple(series), note=note))
    return curves


def _stops(travel: Travel) -> Table:
    """Every stop: when, where by the readout, how far the ball went, and the difference."""
    variance = np.sum(list(travel.error_components.values()), axis=0).diagonal().reshape(-1, 3)
    rows = []
    for k, stop in enumerate(travel.stops.stops):
        shown = ", ".join(f"{value:.2f}" for value in room(stop, travel.stops.couch_deg))
        cells = [travel.reasons[k]] * 3
        if travel.known[k]:
            u = 2 * np.sqrt(np.maximum(variance[k], 0.0))
            cells = [
                ", ".join(f"{value:+.3f}" for value in travel.moved_mm[k]),
                ", ".join(f"{value:+.3f}" for value in travel.error_mm[k]),
                ", ".join(f"{value:.3f}" for value in u),
            ]
        if k == travel.reference and travel.known[k]:
            cells = ["the others are measured from here", "", ""]
        when = stop.acquired.strftime("%H:%M:%S") if stop.acquired is not None else "unknown"
        count = str(len(stop.images) or 1)
        rows.append((f"stop {k + 1}", f"place {stop.place + 1}", when, count, shown, *cells))
    header = (
        "stop", "place", "first image", "images", "couch lateral, longitudinal, vertical / mm",
        "ball moved x, y, z / mm", "minus readout / mm", "U / mm",
    )  # fmt: skip
    note = f"{travel.doubt or 'U = 2u.'} Readouts in steps of {travel.stops.resolution_mm:g} mm."
    return Table(f"{travel.stops.kind}: where the couch stopped", header, tuple(rows), note)
