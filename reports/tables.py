"""Tables that flow: columns find their width, headers repeat, long words wrap, wide tables split into blocks of columns."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import CondPageBreak, Flowable, Table

from qa import evidence
from reports.shapes import Drawn
from reports.style import CELL, CELL_MUTED, FONT, HEAD, HEAD_RIGHT, INK, MUTED, RULE, SMALL_HEADING, WIDTH, paragraph, printable

Cell = Any  # a string, a flowable or a list of flowables
PAD = 3.0
NUMBER = re.compile(r"$|[-+−]?\d[\d.]*( ±.*)?$|not measured")
TALL = 500.0  # points; taller rows break, shorter ones stay whole
WIDEST = 170.0  # points that one column of running text may ask for before it wraps
RULES: list[tuple[Any, ...]] = [
    ("FONT", (0, 0), (-1, -1), FONT, CELL.fontSize, CELL.leading),
    ("TEXTCOLOR", (0, 0), (-1, -1), INK),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), PAD),
    ("RIGHTPADDING", (0, 0), (-1, -1), PAD),
    ("TOPPADDING", (0, 0), (-1, -1), 2.6),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.6),
]


def grid(
    header: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    widths: Sequence[float],
    joined: Collection[int] = (),
    right: Collection[int] = (),
) -> Table:
    """A table of the house: small grey header repeated on every page, hairlines, a tall row goes on overleaf.

    ``joined`` are the rows that share their first two cells with the next one and stay with it on a page; the columns ``right`` are
    set flush right.
    """
    head = [[paragraph(text, HEAD_RIGHT if c in right else HEAD) for c, text in enumerate(header)]] if any(header) else []
    rules = [*RULES, *(("ALIGN", (c, 0), (c, -1), "RIGHT") for c in right)]
    if head:
        rules += [("LINEBELOW", (0, 0), (-1, 0), 0.8, MUTED), ("VALIGN", (0, 0), (-1, 0), "BOTTOM")]
    for n in range(len(rows)):
        r = n + len(head)
        rules.append(("LINEBELOW", (2 if n in joined else 0, r), (-1, r), 0.35, RULE))
    table = Table([*head, *rows], colWidths=list(widths), repeatRows=len(head), style=rules, hAlign="LEFT", spaceAfter=5)
    return flowing(table, [n + len(head) for n in sorted(joined)])


def flowing(table: Table, joined: Sequence[int] = ()) -> Table:
    """The table with its rows whole and each ``joined`` row on the page of the next one, except where that is too tall for a page."""
    table.wrap(WIDTH, 0)
    heights = table._rowHeights
    table.splitInRow = 24 if max(heights, default=0) > TALL else 0
    for _, run in groupby(enumerate(joined), key=lambda pair: pair[1] - pair[0]):
        rows = [row for _, row in run]
        if sum(heights[rows[0] : rows[-1] + 2]) <= TALL:
            table.setStyle([("NOSPLIT", (0, rows[0]), (0, rows[-1] + 1))])
    return table


def columns(header: Sequence[str], rows: Sequence[Sequence[Cell]], fixed: int = 1) -> list[Table]:
    """As many tables side by side as the columns need, each led by the first ``fixed`` columns; text wraps only when it must."""
    texts = [[header[c], *(row[c] for row in rows)] for c in range(len(header))]
    floors = [max(_floor(cell, n == 0) for n, cell in enumerate(column)) for column in texts]
    wishes = [max(floor, *(_wish(cell) for cell in column[1:]), 0) for floor, column in zip(floors, texts, strict=True)]
    blocks = _blocks(floors, fixed)
    right = {c for c in range(len(header)) if all(_is_number(row[c]) for row in rows)} if rows else set()
    tables = []
    for block in blocks:
        widths = _share([floors[c] for c in block], [wishes[c] for c in block])
        cells = [[_fit(row[c], width) for c, width in zip(block, widths, strict=True)] for row in rows]
        tables.append(grid([header[c] for c in block], cells, widths, right=[n for n, c in enumerate(block) if c in right]))
    return tables


def evidence_table(table: evidence.Table) -> list[Flowable]:
    """A table that a procedure left as evidence, under its title and note."""
    count = max([len(table.header), *(len(row) for row in table.rows)])
    if not count or not table.rows:
        return [paragraph(table.title, SMALL_HEADING), paragraph(table.note or "This table is empty.", CELL_MUTED)]
    header = [*table.header, *[""] * (count - len(table.header))]
    rows = [[*row, *[""] * (count - len(row))] for row in table.rows]
    note = [paragraph(table.note, CELL_MUTED)] if table.note else []
    return [CondPageBreak(100), paragraph(table.title, SMALL_HEADING), *note, *columns(header, rows)]


def _blocks(floors: Sequence[float], fixed: int) -> list[list[int]]:
    """The columns that share a page width, in as few blocks as it takes and about equally many in each."""
    lead = list(range(min(fixed, len(floors))))
    rest = range(len(lead), len(floors))
    blocks = _fill(floors, lead, len(floors))
    return _fill(floors, lead, math.ceil(len(rest) / len(blocks))) if len(blocks) > 1 else blocks


def _fill(floors: Sequence[float], lead: list[int], most: int) -> list[list[int]]:
    blocks = [list(lead)]
    for c in range(len(lead), len(floors)):
        block = blocks[-1]
        if len(block) > len(lead) and (sum(floors[k] for k in [*block, c]) > WIDTH or len(block) - len(lead) == most):
            blocks.append([*lead, c])
        else:
            block.append(c)
    return blocks


def _is_number(cell: Cell) -> bool:
    """Whether a cell is empty or starts with a number, as every cell of a column that is set flush right."""
    return isinstance(cell, Drawn) or (isinstance(cell, str) and NUMBER.match(cell) is not None)


def _share(floors: Sequence[float], wishes: Sequence[float]) -> list[float]:
    """Every column gets its floor; what is left of the page goes to those that wish for more, in proportion."""
    spare, lack = WIDTH - sum(floors), sum(wishes) - sum(floors)
    part = max(0.0, min(1.0, spare / lack)) if lack > 0 else 0.0
    return [floor + part * (wish - floor) for floor, wish in zip(floors, wishes, strict=True)]


def _floor(cell: Cell, head: bool) -> float:
    """The width of the longest word, as far as it should not be broken."""
    if isinstance(cell, str):
        style = HEAD if head else CELL
        longest = max((stringWidth(word, style.fontName, style.fontSize) for word in printable(cell).split()), default=0.0)
        return min(longest, 110.0) + 2 * PAD + 0.5
    return _wish(cell)


def _wish(cell: Cell) -> float:
    if isinstance(cell, str):
        return min(float(stringWidth(printable(cell), FONT, CELL.fontSize)), WIDEST) + 2 * PAD + 0.5
    return cell.width + 2 * PAD + 0.5 if isinstance(cell, Drawn) else 40.0


def _fit(cell: Cell, width: float) -> Cell:
    """A short text stays a string (fast); what does not fit in one line becomes a paragraph."""
    if isinstance(cell, str):
        fits = stringWidth(printable(cell), FONT, CELL.fontSize) <= width - 2 * PAD
        return printable(cell) if fits and "\n" not in cell else paragraph(cell)
    return cell
