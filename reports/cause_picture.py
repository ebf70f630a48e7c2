"""The changes of a machine as bars in units of their uncertainty, and beside each what the named cause predicts."""

from __future__ import annotations

from pathlib import Path

from reportlab.pdfbase.pdfmetrics import stringWidth

from qa.cause import Verdict
from reports import axes, cause_words, legend, picture_file
from reports.cause_words import Row
from reports.ink import BOLD, FONT, MUTED, PANEL, RULE, SERIES, lines, register_fonts
from reports.strokes import Canvas, Picture, corners, path, write

WIDTH, EDGE, SIZE, TALL = 560.0, 10.0, 6.6, 10.5  # points
MOST = 40  # bars


def save(verdict: Verdict, place: Path, kind: str) -> Path:
    """The picture as ".png", ".svg" or ".pdf" in a file that is either complete or not there. QaError when the disk refuses."""
    return picture_file.save(picture(verdict), cause_words.title(verdict), place, kind)


def shown(verdict: Verdict) -> tuple[list[Row], str]:
    """The changes that are drawn, in the order of the tests, and what is said of the others."""
    every = cause_words.rows(verdict)
    drawn = [row for row in every if row.matters][:MOST] or every[:10]
    names = [row.change for row in drawn]
    order = [change for change in verdict.changes.rows if change in names]
    ordered = sorted(drawn, key=lambda row: order.index(row.change))
    others = len(every) - len(drawn)
    return ordered, f"{others} more changes are not drawn: {'smaller, or ' if len(drawn) == MOST else ''}within 2 u" if others else ""


def picture(verdict: Verdict) -> Picture:
    """Title, answer, bars and legend, of a height that depends on how many changes there are."""
    register_fonts()
    rows, others = shown(verdict)
    heads = lines(cause_words.title(verdict), WIDTH - 2 * EDGE, 9.0)
    words = [
        line for text in (*cause_words.summary(verdict), *([others] if others else [])) for line in lines(text, WIDTH - 2 * EDGE, SIZE)
    ]
    cells = [cause_words.cells(row) for row in rows]
    name = max((_wide(cell[0]) for cell in cells), default=0.0) + 6
    columns = [max([_wide(cause_words.HEAD[k]), *(_wide(cell[k]) for cell in cells)]) + 8 for k in (3, 4)]
    plot = max(WIDTH - 2 * EDGE - name - sum(columns), 80.0)
    reach = axes.padded([-3.0, 3.0, *(row.in_u for row in rows), *((row.predicted or 0.0) / row.u for row in rows)])
    across = axes.scale(reach, "change, in units of its standard uncertainty u", plot, 30)
    key = legend.place([legend.Item("measured change", _bar), legend.Item("predicted by the cause", _diamond)], plot)
    foot = EDGE + len(words) * SIZE * 1.35 + 4 + key.height + 4
    bottom, height = foot + axes.below(across), len(rows) * TALL
    frame = axes.Axes(EDGE + name, bottom, plot, max(height, TALL), reach, (0.0, 1.0))
    total = bottom + frame.height + 16 + len(heads) * 12 + EDGE

    def paint(canvas: Canvas) -> None:
        for n, line in enumerate(heads):
            write(canvas, line, EDGE, total - EDGE - 9 - 12 * n, 9.0, BOLD)
        canvas.setFillColor(PANEL)
        low, high = frame.x(-cause_words.SHOWN_U), frame.x(cause_words.SHOWN_U)
        canvas.rect(low, bottom, high - low, frame.height, stroke=0, fill=1)
        axes.draw(canvas, frame, across, axes.Scale((), (), ()), mesh=True)
        for n, (row, cell) in enumerate(zip(rows, cells, strict=True)):
            _row(canvas, frame, bottom + frame.height - (n + 0.5) * TALL, row, cell, columns)
        x = frame.left + plot
        for k, wide in zip((3, 4), columns, strict=True):
            x += wide
            write(canvas, cause_words.HEAD[k], x, bottom + frame.height + 4, SIZE - 0.4, BOLD, MUTED, "right")
        key.draw(canvas, frame.left, foot - 2)
        for n, line in enumerate(words):
            write(canvas, line, EDGE, foot - key.height - 12 - SIZE * 1.35 * n, SIZE)

    return Picture(WIDTH, total, paint)


def _row(canvas: Canvas, frame: axes.Axes, y: float, row: Row, cell: tuple[str, ...], columns: list[float]) -> None:
    """Name, bar from 0 to the change, a diamond at the prediction, and both as numbers."""
    write(canvas, cell[0], frame.left - 4, y - SIZE * 0.35, SIZE, anchor="right")
    start, end = sorted((frame.x(0.0), frame.x(row.in_u)))
    canvas.setStrokeColor(SERIES[0])
    canvas.setFillColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.rect(start, y - 2.6, max(end - start, 0.5), 5.2, stroke=1, fill=1)
    if row.predicted is not None:
        _mark(canvas, frame.x(row.predicted / row.u), y)
    x = frame.left + frame.width
    for k, wide in zip((3, 4), columns, strict=True):
        x += wide
        write(canvas, cell[k], x, y - SIZE * 0.35, SIZE, anchor="right")


def _mark(canvas: Canvas, x: float, y: float) -> None:
    canvas.setStrokeColor(SERIES[1])
    canvas.setLineWidth(1.0)
    path(canvas, corners(4, x, y, 3.4, 90), close=True)


def _bar(canvas: Canvas, x: float, y: float) -> None:
    canvas.setStrokeColor(SERIES[0])
    canvas.setFillColor(RULE)
    canvas.rect(x, y - 2.6, 12, 5.2, stroke=1, fill=1)


def _diamond(canvas: Canvas, x: float, y: float) -> None:
    _mark(canvas, x + 6, y)


def _wide(text: str) -> float:
    return float(stringWidth(text, FONT, SIZE))
