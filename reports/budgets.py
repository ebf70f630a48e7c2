"""What the standard uncertainty of each reading of the whole set is made of."""

from __future__ import annotations

from reportlab.platypus import Flowable

from qa.reading import Measured, Reading
from qa.record import Record
from reports import numbers
from reports.index import per_image
from reports.shapes import Canvas, Drawn
from reports.style import CELL_MUTED, CELL_STRONG, MUTED, PANEL, WIDTH, paragraph
from reports.tables import Cell, grid

NOTE = "Standard uncertainties (k = 1), components in the unit of u. Correlated components need not add up in quadrature."
PARTS = (0.32, 0.13, 0.31, 0.09, 0.15)


def table(record: Record) -> list[Flowable]:
    """One row per component, with a bar as long as the component is large beside u."""
    rows: list[list[Cell]] = []
    joined = []
    for reading in record.readings:
        if per_image(reading) or not isinstance(reading, Measured):
            continue
        for n, (component, u) in enumerate(reading.budget.items()):
            total = numbers.with_unit(numbers.two_digits(reading.u), reading.quantity.unit)
            lead: list[Cell] = [paragraph(_name(reading), CELL_STRONG), total] if n == 0 else ["", ""]
            if n < len(reading.budget) - 1:
                joined.append(len(rows))
            rows.append([*lead, paragraph(component), numbers.two_digits(abs(u)), _bar(abs(u) / reading.u)])
    if not rows:
        return []
    header = ("Quantity", "u", "Component", "its u", "relative to u")
    return [paragraph(NOTE, CELL_MUTED), grid(header, rows, [WIDTH * part for part in PARTS], joined)]


def _name(reading: Reading) -> str:
    where = numbers.state(reading.at)
    return reading.quantity.key.replace("_", " ") + (f" at {where}" if where else "")


def _bar(part: float) -> Drawn:
    full = WIDTH * PARTS[-1] - 8

    def paint(canvas: Canvas) -> None:
        canvas.setFillColor(PANEL)
        canvas.rect(0, 1.5, full, 5, stroke=0, fill=1)
        canvas.setFillColor(MUTED)
        canvas.rect(0, 1.5, full * min(part, 1.0), 5, stroke=0, fill=1)

    return Drawn(full, 8, paint)
