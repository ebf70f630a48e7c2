"""Evidence in the order it was stored: overlays two to four in a row or in rows of their own, curves two, the rest across the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from reportlab.platypus import Flowable, KeepTogether, Spacer
from reportlab.platypus import Table as Grid

from qa.evidence import Bars, Curve, Evidence, Overlay, Room, Table
from qa.limit import Judgement
from qa.record import Record
from reports import bars, curves, overlays, room, tolerances
from reports.page import small_heading
from reports.shapes import Drawn
from reports.style import FIGURE_NOTE, FIGURE_TITLE, FONT, WIDTH, paragraph
from reports.tables import evidence_table

GAP = 10.0
FEW = 9  # overlays up to this number are printed three in a row, more of them four
ALONE = 1.5  # to a row: a wide overlay without neighbours gets two thirds of the page
MANY = 36  # parts in one picture of bars
LONG_AXIS = 70  # characters
LONG = 400  # characters; a longer title or note gets the whole width of the page, where it can go on overleaf
BARS, BANDS = "Bars: ± U = 2u.", "Bands: ± U = 2u."
TIGHT = [
    ("FONTNAME", (0, 0), (-1, -1), FONT),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), GAP),
    ("TOPPADDING", (0, 0), (-1, -1), 1),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
    ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
    ("VALIGN", (0, 1), (-1, -1), "TOP"),
]
Figure = tuple[str, Drawn, str]  # title, picture, note


def flow(record: Record) -> Iterator[Flowable]:
    """All evidence as flowables; pictures of one kind that follow each other share rows. The record's judgements hold the limits drawn."""
    names = overlays.mark_names(item for item in record.evidence if isinstance(item, Overlay))
    for (kind, row, wide), group in groupby(record.evidence, key=_kind):
        items = list(group)
        across = ALONE if wide and len(items) == 1 else 2 if kind is Curve or wide else _across(len(items), bool(row))
        pictures = [_figure(item, (WIDTH + GAP) / across - GAP, names) for item in items if isinstance(item, Overlay | Curve)]
        rows = list(_rows(pictures, across))
        if row and rows:
            rows[0] = KeepTogether([*small_heading(row), *_content(rows[0])])
        yield from rows
        for item in items:
            if isinstance(item, Table):
                yield from evidence_table(item)
            elif isinstance(item, Room):
                yield from _room(item, record.judgements)
            elif isinstance(item, Bars):
                yield from _bars(item, record)


def _content(row: Flowable) -> list[Flowable]:
    """What a row holds: one that is kept together inside another always starts a page."""
    return list(row._content) if isinstance(row, KeepTogether) else [row]


def _kind(item: Evidence) -> tuple[type, str, bool]:
    """What evidence has in common that shares rows."""
    return (Overlay, item.row, item.wide) if isinstance(item, Overlay) else (type(item), "", False)


def _across(count: int, together: bool) -> int:
    """How many overlays share a row: those that belong together all in one up to four, or in two even rows; a third of the page at most."""
    if together:
        return 3 if count in (5, 6) else max(3, min(count, 4))
    return 3 if count <= FEW else 4


def _room(item: Room, judgements: Sequence[Judgement]) -> Iterator[Flowable]:
    """The three views with the record's own limits, the arrows' notes below."""
    drawn, left_over = room.picture(item, tolerances.circles(item, judgements), WIDTH)
    notes = [item.note, *(f"{arrow.name}: {arrow.note}" for arrow in item.vectors if arrow.note), tolerances.undrawn(item, judgements)]
    if left_over:
        notes.append(f"Also drawn: {', '.join(left_over)}.")
    text = [paragraph(note, FIGURE_NOTE) for note in notes if note]
    yield KeepTogether([paragraph(item.title, FIGURE_TITLE), drawn, *text, Spacer(0, GAP)])


def _bars(item: Bars, record: Record) -> Iterator[Flowable]:
    """The parts with the record's own limits and outcomes; many of them go on in a second picture."""
    bands = tolerances.bands(item, record.judgements)
    outcomes, brackets = tolerances.outcomes(item, record), tolerances.brackets(item, record)
    if not item.items:
        yield KeepTogether([paragraph(item.title, FIGURE_TITLE), paragraph(item.note or "No part was looked at.", FIGURE_NOTE)])
    for start in range(0, len(item.items), MANY):
        part = replace(item, items=item.items[start : start + MANY])
        drawn, left_over = bars.picture(part, WIDTH, bands, outcomes, brackets)
        notes = [item.note if start + MANY >= len(item.items) else ""]
        if left_over:
            notes.append(f"Also drawn: {', '.join(left_over)}.")
        title = item.title if start == 0 else f"{item.title}, continued"
        yield KeepTogether(
            [paragraph(title, FIGURE_TITLE), drawn, *(paragraph(note, FIGURE_NOTE) for note in notes if note), Spacer(0, GAP)]
        )


def _figure(item: Overlay | Curve, width: float, names: list[str]) -> Figure:
    """The picture; what has no room in it, a long name of an axis or of a mark, goes into the note."""
    notes = [item.note]
    if max(map(len, item.axes)) > LONG_AXIS:
        notes += [f"Axes: {item.axes[0]} (across), {item.axes[1]} (up)."]
        across, up = (name if len(name) <= LONG_AXIS else "see note" for name in item.axes)
        item = replace(item, axes=(across, up))
    drawn, left_over = overlays.picture(item, width, names) if isinstance(item, Overlay) else curves.picture(item, width)
    if isinstance(item, Curve):
        kinds = {series.style == "band" for series in item.series if series.u}
        notes += [words for band, words in ((False, BARS), (True, BANDS)) if band in kinds]
    if left_over:
        notes.append(f"Also drawn: {', '.join(left_over)}.")
    return item.title, drawn, " ".join(filter(None, notes))


def _rows(figures: list[Figure], across: float) -> Iterator[Flowable]:
    row: list[Figure] = []
    for figure in figures:
        if max(len(figure[0]), len(figure[2])) > LONG:
            yield from _row(row, across)
            row = []
            yield from (paragraph(figure[0], FIGURE_TITLE), figure[1], paragraph(figure[2], FIGURE_NOTE))
            continue
        row.append(figure)
        if len(row) >= across:
            yield from _row(row, across)
            row = []
    yield from _row(row, across)


def _row(row: list[Figure], across: float) -> Iterator[Flowable]:
    """Titles, pictures and notes side by side, the pictures on one base line; never torn between two pages."""
    if not row:
        return
    cells = [
        [paragraph(title, FIGURE_TITLE) for title, _, _ in row],
        [drawn for _, drawn, _ in row],
        [paragraph(note, FIGURE_NOTE) for _, _, note in row],
    ]
    yield KeepTogether([Grid(cells, colWidths=[(WIDTH + GAP) / across] * len(row), style=TIGHT, hAlign="LEFT", spaceAfter=8)])
