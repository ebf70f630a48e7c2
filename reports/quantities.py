"""Every reading of the whole in a table: value ± U, limit, source, outcome; what all readings have in common above it, once."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.platypus import Flowable

from qa.limit import Judgement
from qa.reading import At, Measured, Reading
from qa.record import Record
from reports import matrix, numbers
from reports.index import SERIES, SETTING, UID, judgements_of, of_part, per_image
from reports.limits import judged
from reports.page import small_heading
from reports.style import BODY, CELL_MUTED, CELL_STRONG, STRONG, WIDTH, paragraph
from reports.tables import Cell, grid

NOTE = "± U is the expanded uncertainty U = 2u (about 95 %); “95 %” gives a coverage interval where ± U would mislead."


def table(record: Record, common: At | None = None, flags: Sequence[str] = ()) -> list[Flowable]:
    """One row per reading of the whole, one more per further limit; then the limits that found no reading. Parts have their own table.

    Where readings share a setting there are many of them: those that no limit judged then get a line each in a table below.
    """
    common = common or {}
    of, above = judgements_of(record), _above(record, common, flags)
    rows: list[list[Cell]] = []
    joined, lines = [], []
    for index, reading in enumerate(record.readings):
        if per_image(reading) or of_part(reading) or (index not in of and not isinstance(reading, Measured)):
            continue  # what nobody asked for and nobody measured stands among the exceptions, with its reason
        if SETTING in common and index not in of and isinstance(reading, Measured):
            lines.append(reading)
            continue
        judgements: Sequence[Judgement | None] = of.get(index) or [None]
        for n, judgement in enumerate(judgements):
            lead: list[Cell] = [_what(reading), _result(reading)] if n == 0 else ["", ""]
            if n < len(judgements) - 1:
                joined.append(len(rows))
            rows.append([*lead, *judged(judgement, reading)])
    for judgement in of.get(-1, []):
        rows.append([paragraph(judgement.limit.quantity, CELL_STRONG), paragraph("no reading"), *judged(judgement)])
    if not rows and not lines:
        return above if record.readings else [*above, paragraph("This record holds no reading of the whole set.", BODY)]
    widths = [WIDTH * part for part in (0.33, 0.19, 0.30, 0.18)]
    head = ("Quantity", "Value ± U", "Limit and source", "Outcome")
    return [*above, paragraph(NOTE, CELL_MUTED), *([grid(head, rows, widths, joined)] if rows else []), *_unjudged(lines)]


def _unjudged(readings: Sequence[Measured]) -> list[Flowable]:
    """A line per reading that no limit of the protocol asks for; caveats below."""
    if not readings:
        return []
    remarks = matrix.Remarks()
    rows: list[list[Cell]] = []
    for reading in readings:
        value = numbers.with_unit(" ".join(filter(None, (numbers.pair(reading), numbers.interval(reading)))), reading.quantity.unit)
        marked = f"{value} {remarks.mark(reading.flags)}".rstrip()
        where = numbers.state(reading.at)
        what = f"{reading.quantity.meaning}{', ' + where if where else ''}"
        named = "; ".join(filter(None, (reading.quantity.key, reading.quantity.source)))
        rows.append([paragraph(what), paragraph(marked, CELL_STRONG), paragraph(named, CELL_MUTED)])
    body = grid(("Quantity", "Value ± U", "Key, and where it is defined"), rows, [WIDTH * part for part in (0.4, 0.21, 0.39)])
    return [*small_heading("Measured, and no limit in this protocol"), body, *remarks.paragraphs()]


def _above(record: Record, common: At, flags: Sequence[str]) -> list[Flowable]:
    """The setting of all readings, the one series or image they are of, the angles it was taken at, caveats that are of all."""
    files = {entry.sop_instance_uid: entry.name for entry in record.inputs}
    setting = [paragraph(f"Setting: {common[SETTING]}", STRONG)] if SETTING in common else []
    small = [f"Series Instance UID {common[SERIES]}"] if SERIES in common else []
    uid = str(common.get(UID, ""))
    where = numbers.state({key: value for key, value in common.items() if key not in (SETTING, SERIES)})
    said = filter(None, (f"of one image, {files.get(uid, uid)}" if uid else "", f"at {where}" if where else ""))
    small += [f"All readings are {', '.join(said)}"] if uid or where else []
    return [*setting, *(paragraph(text, CELL_MUTED) for text in (*small, *(f"All readings: {flag}" for flag in flags)))]


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
