"""Every reading of the whole set in a table: value ± U, limit, source, outcome."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.platypus import Flowable

from qa.limit import Judgement
from qa.reading import Measured, Reading
from qa.record import Record
from reports import numbers
from reports.index import judgements_of, per_image
from reports.limits import judged
from reports.style import BODY, CELL_MUTED, CELL_STRONG, WIDTH, paragraph
from reports.tables import Cell, grid

NOTE = "± U is the expanded uncertainty U = 2u (about 95 %); “95 %” gives a coverage interval where ± U would mislead."


def table(record: Record) -> list[Flowable]:
    """One row per reading of the whole set, one more per further limit; then the limits that found no reading."""
    of = judgements_of(record)
    rows: list[list[Cell]] = []
    joined = []
    for index, reading in enumerate(record.readings):
        if per_image(reading) or (index not in of and not isinstance(reading, Measured)):
            continue  # what nobody asked for and nobody measured stands among the exceptions, with its reason
        judgements: Sequence[Judgement | None] = of.get(index) or [None]
        for n, judgement in enumerate(judgements):
            lead: list[Cell] = [_what(reading), _result(reading)] if n == 0 else ["", ""]
            if n < len(judgements) - 1:
                joined.append(len(rows))
            rows.append([*lead, *judged(judgement, reading)])
    for judgement in of.get(-1, []):
        rows.append([paragraph(judgement.limit.quantity, CELL_STRONG), paragraph("no reading"), *judged(judgement)])
    if not rows:
        return [paragraph("This record holds no reading of the whole set.", BODY)]
    widths = [WIDTH * part for part in (0.33, 0.19, 0.30, 0.18)]
    return [paragraph(NOTE, CELL_MUTED), grid(("Quantity", "Value ± U", "Limit and source", "Outcome"), rows, widths, joined)]


def _what(reading: Reading) -> list[Flowable]:
    quantity = reading.quantity
    where = numbers.state(reading.at)
    small = [f"{quantity.key}{' at ' + where if where else ''}", f"defined in {quantity.source}" if quantity.source else ""]
    return [paragraph(quantity.meaning, CELL_STRONG), *(paragraph(text, CELL_MUTED) for text in small if text)]


def _result(reading: Reading) -> list[Flowable]:
    if not isinstance(reading, Measured):
        return [paragraph("not measured", CELL_STRONG), paragraph(reading.reason, CELL_MUTED)]
    unit = reading.quantity.unit
    text = [paragraph(numbers.with_unit(numbers.pair(reading), unit), CELL_STRONG)]
    if reading.interval is not None:
        text.append(paragraph(f"95 %: {numbers.with_unit(numbers.interval(reading), unit)}", CELL_MUTED))
    return [*text, *(paragraph(flag, CELL_MUTED) for flag in reading.flags)]
