"""Evidence in the order it was stored: overlays three or four in a row, curves two in a row, tables across the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from reportlab.platypus import Flowable, KeepTogether
from reportlab.platypus import Table as Grid

from qa.evidence import Curve, Evidence, Overlay, Table
from reports import curves, overlays
from reports.shapes import Drawn
from reports.style import FIGURE_NOTE, FIGURE_TITLE, FONT, WIDTH, paragraph
from reports.tables import evidence_table

GAP = 10.0
FEW = 9  # overlays up to this number are printed three in a row, more of them four
LONG_AXIS = 70  # characters
LONG = 400  # characters; a longer title or note gets the whole width of the page, where it can go on overleaf
BARS = "Bars: ± U = 2u."
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


def flow(evidence: Sequence[Evidence]) -> Iterator[Flowable]:
    """All evidence as flowables; pictures of one kind that follow each other share rows."""
    names = overlays.mark_names(item for item in evidence if isinstance(item, Overlay))
    for kind, group in groupby(evidence, key=type):
        items = list(group)
        across = 2 if kind is Curve else 3 if len(items) <= FEW else 4
        yield from _rows([_figure(item, (WIDTH + GAP) / across - GAP, names) for item in items if not isinstance(item, Table)], across)
        for item in items:
            if isinstance(item, Table):
                yield from evidence_table(item)


def _figure(item: Overlay | Curve, width: float, names: list[str]) -> Figure:
    """The picture; what has no room in it, a long name of an axis or of a mark, goes into the note."""
    notes = [item.note]
    if max(map(len, item.axes)) > LONG_AXIS:
        notes += [f"Axes: {item.axes[0]} (across), {item.axes[1]} (up)."]
        across, up = (name if len(name) <= LONG_AXIS else "see note" for name in item.axes)
        item = replace(item, axes=(across, up))
    drawn, left_over = overlays.picture(item, width, names) if isinstance(item, Overlay) else curves.picture(item, width)
    if isinstance(item, Curve) and any(series.u for series in item.series):
        notes.append(BARS)
    if left_over:
        notes.append(f"Also drawn: {', '.join(left_over)}.")
    return item.title, drawn, " ".join(filter(None, notes))


def _rows(figures: list[Figure], across: int) -> Iterator[Flowable]:
    row: list[Figure] = []
    for figure in figures:
        if max(len(figure[0]), len(figure[2])) > LONG:
            yield from _row(row, across)
            row = []
            yield from (paragraph(figure[0], FIGURE_TITLE), figure[1], paragraph(figure[2], FIGURE_NOTE))
            continue
        row.append(figure)
        if len(row) == across:
            yield from _row(row, across)
            row = []
    yield from _row(row, across)


def _row(row: list[Figure], across: int) -> Iterator[Flowable]:
    """Titles, pictures and notes side by side, the pictures on one base line; never torn between two pages."""
    if not row:
        return
    cells = [
        [paragraph(title, FIGURE_TITLE) for title, _, _ in row],
        [drawn for _, drawn, _ in row],
        [paragraph(note, FIGURE_NOTE) for _, _, note in row],
    ]
    yield KeepTogether([Grid(cells, colWidths=[(WIDTH + GAP) / across] * len(row), style=TIGHT, hAlign="LEFT", spaceAfter=8)])
