"""What a day of couch places shows: errors against readouts, the stops, the ball in its images, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa.ball_images import BallImage
from qa.couch_affine import AXES, WORDS, Affine, fit
from qa.couch_travel import Travel, room
from qa.evidence import Curve, Evidence, Mark, Overlay, Series, Table

PICTURES = 12  # of one imaging system; more would fill pages and show nothing new
POINTS = 49  # of a circle drawn


def show(travels: Sequence[Travel]) -> tuple[Evidence, ...]:
    """For every imaging system its curves, its stops, its pictures; then what was not used."""
    found: list[Evidence] = []
    for travel in travels:
        found += [*_curves(travel, fit(travel)), _stops(travel), *_pictures(travel)]
    return (*found, _unused(travels))


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
        note = "The stop that others are measured from is at 0. Bars u. The affine is that of all axes together."
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


def _pictures(travel: Travel) -> list[Overlay]:
    seen = [(k, ball) for k, stop in enumerate(travel.stops.stops) for ball in stop.images]
    return [_picture(travel.stops.kind, k, ball) for k, ball in seen[:PICTURES]]


def _picture(kind: str, stop: int, seen: BallImage) -> Overlay:
    """The ball in one image; the field is not asked."""
    ball, turn = seen.ball_mm - seen.origin_mm, np.linspace(0, 2 * np.pi, POINTS)
    rim = tuple((float(ball[0] + seen.radius_mm * np.cos(t)), float(ball[1] + seen.radius_mm * np.sin(t))) for t in turn)
    marks = (Mark("outline", "ball", rim), Mark("cross", "ball centre", ((float(ball[0]), float(ball[1])),)))
    note = (
        f"from the imager's origin: u {seen.ball_mm[0]:+.3f} ± {2 * seen.u_mm[0]:.3f}, v {seen.ball_mm[1]:+.3f} ± {2 * seen.u_mm[1]:.3f} mm"
    )
    title = f"Stop {stop + 1}  G {round(seen.image.gantry_deg, 1) % 360:.1f}"
    row = f"{kind}: the ball against the panel"
    return Overlay(title, seen.picture, seen.extent_mm, marks, ("u / mm", "v / mm"), f"{note}; {seen.image.name}", row=row)


def _unused(travels: Sequence[Travel]) -> Table:
    rows = tuple((travel.stops.kind, item.name, reason) for travel in travels for item, reason in travel.stops.unseen)
    return Table("Images that were not used", ("kind", "file", "why"), rows or (("", "none", ""),))
