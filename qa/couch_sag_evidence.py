"""What a day of extensions shows: height and pitch against extension with the model, the stops, the ball, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa import ball_scans
from qa import couch_sag_model as models
from qa.couch_pictures import pictures, unused
from qa.couch_sag_heights import Sag, setting
from qa.couch_sag_model import Added
from qa.couch_sag_pitch import Tipped
from qa.couch_sag_readings import Hung
from qa.couch_sag_stops import System
from qa.couch_travel import room
from qa.couch_values import Found
from qa.evidence import Curve, Evidence, Line, Series, Table

Array = NDArray[np.float64]
ALONG = "longitudinal readout (extension) / mm"
DRAWN = 41  # points of a model's curve


def show(found: Sequence[tuple[System, Sequence[Hung], Added | str]]) -> tuple[Evidence, ...]:
    """For every imaging system its curves, its stops, its pictures; then what was not used."""
    shown: list[Evidence] = []
    for system, passes, load in found:
        well = [one for one in passes if not one.sag.reason]
        shown += [*_heights(system, well), *_pitches(system, well), *_added(system, well, load)]
        shown += [*([_models(system, well)] if well else []), _stops(system, passes)]
        shown += ball_scans.show(system.scans) if system.scans else pictures(system.travel)
    return (*shown, unused([system.travel for system, _, _ in found]))


def _heights(system: System, passes: Sequence[Hung]) -> list[Curve]:
    series: list[Series] = []
    for one in passes:
        sag, words = one.sag, one.sag.taken.name
        known, fitted = list(sag.known), models.model(sag)
        extension = sag.extension_mm[known]
        u = [_u(models.value(sag, sag.row({k: 1.0, known[0]: -1.0}))) for k in known]
        series.append(Series(words, _tuple(extension), _tuple(sag.rise_mm), "points", tuple(u)))
        along = np.linspace(extension.min(), extension.max(), DRAWN)
        series.append(Series(f"{words}, model", _tuple(along), _tuple(fitted.at(along)), "line"))
    note = "Height of the ball minus the vertical readout, from each pass's least extended stop."
    return (
        [Curve(f"{system.kind}: couch height against extension", (ALONG, "height - readout / mm"), tuple(series), note=note)]
        if series
        else []
    )


def _pitches(system: System, passes: Sequence[Hung]) -> list[Curve]:
    series = []
    for one in passes:
        if not isinstance(one.tipped, Tipped):
            continue
        known = [(k, value) for k, value in one.tipped.stops.items() if isinstance(value, Found)]
        x = (float(one.sag.extension_mm[one.sag.known[0]]), *(float(one.sag.extension_mm[k]) for k, _ in known))
        series.append(Series(one.sag.taken.name, x, (0.0, *(v.value for _, v in known)), "both", (0.0, *(_u(v) for _, v in known))))
    note = "From the least extended stop, pitch readouts taken off; positive: the gantry's end is higher."
    return [Curve(f"{system.kind}: pitch against extension", (ALONG, "pitch / deg"), tuple(series), note=note)] if series else []


def _added(system: System, passes: Sequence[Hung], load: Added | str) -> list[Curve]:
    if isinstance(load, str):
        return []
    extension = system.extension_mm
    x = tuple(float(extension[empty]) for empty, _ in load.pairs)
    series = Series("loaded below unloaded", x, tuple(one.value for one in load.lowering), "both", tuple(_u(one) for one in load.lowering))
    note = "Unloaded minus loaded height at one extension; positive: the load lowers the couch."
    axes = (ALONG, "lowering by the load / mm")
    return [Curve(f"{system.kind}: what the load adds", axes, (series,), note=note, lines=(Line("y", 0.0),))]


def _models(system: System, passes: Sequence[Hung]) -> Table:
    rows = []
    for one in passes:
        sag, fitted = one.sag, models.model(one.sag)
        stop, most = models.largest(sag)
        cells = [_said(models.value(sag, row)) for row in fitted.rows] + ["not fitted"] * (3 - len(fitted.rows))
        left = models.residual(sag, fitted)
        cells.append(left if isinstance(left, str) else _said(left))
        rows.append((sag.taken.name, setting(sag), f"{_said(most)} at {sag.extension_mm[stop]:.1f}", *cells))
    header = ("pass", "how", "largest sag / mm", "a / mm", "b / mm", "c / mm", "largest residual / mm")
    note = "Height = a + b E + c E^2, E = (extension - first)/100 mm, up. Largest sag: positive is down. Value ± U, U = 2u."
    return Table(f"{system.kind}: the model of every pass", header, tuple(rows), note)


def _stops(system: System, passes: Sequence[Hung]) -> Table:
    """Every stop of every pass: when, where by the readout, how high, and how far from the model."""
    rows = []
    for one in passes:
        sag, fitted = one.sag, None if one.sag.reason else models.model(one.sag)
        for k in sag.taken.stops:
            stop = system.travel.stops.stops[k]
            shown = ", ".join(f"{value:.2f}" for value in room(stop, system.travel.stops.couch_deg))
            when = stop.acquired.strftime("%H:%M:%S") if stop.acquired is not None else "unknown"
            rows.append((sag.taken.name, f"stop {k + 1}", when, str(len(stop.images) or 1), shown, *_height(sag, fitted, k)))
    header = (
        "pass", "stop", "first image", "images", "couch lateral, longitudinal, vertical / mm",
        "ball moved x, y, z / mm", "height - readout / mm", "- model / mm",
    )  # fmt: skip
    why = "".join(f" {one.sag.taken.name}: {one.sag.reason}." for one in passes if one.sag.reason)
    first = system.travel.reference + 1
    note = f"Ball moved: from stop {first}. Readouts in steps of {system.travel.stops.resolution_mm:g} mm. ± U = 2u.{why}"
    return Table(f"{system.kind}: where the couch stopped", header, tuple(rows), note)


def _height(sag: Sag, fitted: models.Model | None, stop: int) -> tuple[str, str, str]:
    if stop in sag.lost or not sag.system.travel.known[stop]:
        return sag.lost.get(stop, "not seen"), "", ""
    moved = ", ".join(f"{value:+.3f}" for value in sag.system.travel.moved_mm[stop])
    if fitted is None:
        return moved, "not measured", ""
    left = float(fitted.left[sag.known.index(stop)] @ sag.height_mm)
    if stop == sag.known[0]:
        return moved, "0, the first", f"{left:+.3f}"
    return moved, _said(models.value(sag, sag.row({stop: 1.0, sag.known[0]: -1.0}))), f"{left:+.3f}"


def _said(found: Found) -> str:
    return f"{found.value:+.3f} ± {2 * _u(found):.3f}"


def _u(found: Found) -> float:
    return float(np.sqrt(sum(part**2 for part in found.budget.values())))


def _tuple(values: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
