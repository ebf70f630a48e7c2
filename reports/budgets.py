"""What the standard uncertainty of each reading of the whole set is made of: bars for a few readings, a table or a line for many."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from qa.reading import Measured, Reading
from qa.record import Record
from reports import numbers
from reports.index import SETTING, of_part, per_image
from reports.shapes import Canvas, Drawn, write
from reports.style import BOLD, CELL, CELL_MUTED, CELL_STRONG, MUTED, PANEL, WIDTH, paragraph
from reports.tables import Cell, columns, grid

NOTE = "Standard uncertainties (k = 1), components in the unit of u. Correlated components need not add up in quadrature."
DENSE = "Readings with the same components share a table; the largest component of each is set in bold."
OF_PARTS = "Of quantities with many parts, the part with the smallest u and the one with the largest; the record holds all."
SHOWN = 3  # parts of a quantity that are all shown
NEGLIGIBLE = 1e-3  # of u: such a part changes u by less than a millionth
FEW = 12  # readings up to this number get a row per component; more of them would fill many pages
PARTS = (0.32, 0.13, 0.31, 0.09, 0.15)


def table(record: Record, common: Collection[str] = ()) -> list[Flowable]:
    """The budgets of all readings of the whole set that have one; a line each where readings share a setting, for then there are many."""
    every = [r for r in record.readings if isinstance(r, Measured) and not per_image(r) and r.budget]
    readings = _extremes(every)
    if not readings:
        return []
    more = f" {OF_PARTS}" if len(readings) < len(every) else ""
    if len(readings) <= FEW:
        return [paragraph(NOTE + more, CELL_MUTED), _bars(readings)]
    if SETTING in common:
        return [paragraph(f"{NOTE}{more}", CELL_MUTED), _lines(readings)]
    kinds: dict[tuple[str, ...], list[Measured]] = {}
    for reading in readings:
        kinds.setdefault(tuple(reading.budget), []).append(reading)
    return [paragraph(f"{NOTE} {DENSE}{more}", CELL_MUTED), *(part for names, group in kinds.items() for part in _dense(names, group))]


def _extremes(readings: Sequence[Measured]) -> list[Measured]:
    """Of a quantity with many parts the two with the smallest and the largest u; everything else as it is."""
    parts: dict[str, list[Measured]] = {}
    for reading in readings:
        if of_part(reading):
            parts.setdefault(reading.quantity.key, []).append(reading)
    kept = {id(end) for group in parts.values() if len(group) > SHOWN for end in (min(group, key=_u), max(group, key=_u))}
    few = {key for key, group in parts.items() if len(group) <= SHOWN}
    return [r for r in readings if not of_part(r) or r.quantity.key in few or id(r) in kept]


def _u(reading: Measured) -> float:
    return reading.u


def _bars(readings: Sequence[Measured]) -> Flowable:
    """One row per component, with a bar as long as the component is large beside u."""
    rows: list[list[Cell]] = []
    joined = []
    for reading in readings:
        for n, (component, u) in enumerate(reading.budget.items()):
            lead: list[Cell] = [paragraph(_name(reading), CELL_STRONG), _total(reading)] if n == 0 else ["", ""]
            if n < len(reading.budget) - 1:
                joined.append(len(rows))
            rows.append([*lead, paragraph(component), numbers.two_digits(abs(u)), _bar(abs(u) / reading.u)])
    return grid(("Quantity", "u", "Component", "its u", "relative to u"), rows, [WIDTH * part for part in PARTS], joined)


def _lines(readings: Sequence[Measured]) -> Flowable:
    """One line per reading, its components from the largest to the smallest."""
    rows: list[list[Cell]] = []
    for reading in readings:
        parts = sorted(((abs(u), name) for name, u in reading.budget.items()), key=lambda part: -part[0])
        words = ", ".join(f"{name} {_part(u, reading.u)}" for u, name in parts)
        rows.append([paragraph(_name(reading)), _total(reading), paragraph(words)])
    return grid(("Quantity", "u", "Components"), rows, [WIDTH * part for part in (0.34, 0.14, 0.52)])


def _dense(names: Sequence[str], readings: Sequence[Measured]) -> list[Flowable]:
    """One row per reading, one column per component."""
    rows: list[list[Cell]] = []
    for reading in readings:
        largest = max(names, key=lambda name: abs(reading.budget[name]))
        parts = [(name, _part(abs(reading.budget[name]), reading.u)) for name in names]
        head = _name(reading, f" / {reading.quantity.unit}" if reading.quantity.unit else "")
        rows.append([head, numbers.two_digits(reading.u), *(_strong(text) if name == largest else text for name, text in parts)])
    return [*columns(("Quantity", "u", *names), rows, fixed=2)]


def _name(reading: Reading, unit: str = "") -> str:
    where = numbers.state(reading.at)
    return reading.quantity.key.replace("_", " ") + unit + (f" at {where}" if where else "")


def _part(component: float, u: float) -> str:
    """A component; what is less than a thousandth of u is not worth its digits."""
    return numbers.two_digits(component) if component >= NEGLIGIBLE * u else "< u/1000"


def _total(reading: Measured) -> str:
    return numbers.with_unit(numbers.two_digits(reading.u), reading.quantity.unit)


def _strong(text: str) -> Drawn:
    width = float(stringWidth(text, BOLD, CELL.fontSize))
    return Drawn(width, CELL.leading, lambda canvas: write(canvas, text, 0, CELL.leading * 0.25, CELL.fontSize, BOLD))


def _bar(part: float) -> Drawn:
    full = WIDTH * PARTS[-1] - 8

    def paint(canvas: Canvas) -> None:
        canvas.setFillColor(PANEL)
        canvas.rect(0, 1.5, full, 5, stroke=0, fill=1)
        canvas.setFillColor(MUTED)
        canvas.rect(0, 1.5, full * min(part, 1.0), 5, stroke=0, fill=1)

    return Drawn(full, 8, paint)
