"""One quantity of many parts, a line each: dot and ± U against nominal and limits, number and outcome in words; nothing is drawn as 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from reportlab.pdfbase.pdfmetrics import stringWidth

from qa.evidence import Bars
from qa.limit import Outcome
from reports import axes, legend
from reports.bar_rows import COLUMNS, LEADING, SIZE, Row
from reports.bar_rows import axis as axis_name
from reports.bar_rows import row as row_of
from reports.bar_signs import bracket, edge, items
from reports.shapes import Canvas, Drawn, path, tag, write
from reports.style import BOLD, FONT, MUTED, PANEL, RULE, SERIES, WHITE, lines
from reports.tolerances import Band

HEAD = 11.0
GAP = 7.0
FAR = 2.5  # of the widest band; what deviates more becomes an arrow at the edge, lest the limits shrink to a line


def picture(
    bars: Bars,
    width: float,
    bands: Sequence[Band],
    outcomes: Mapping[str, Outcome | None],
    brackets: Mapping[str, tuple[float, float]],
) -> tuple[Drawn, tuple[str, ...]]:
    """The parts one below the other, ``width`` points wide, and the names that the legend has no room for."""
    relative = any(item.nominal is not None for item in bars.items)
    rows = [replace(row_of(item, relative, outcomes.get(item.name)), bracket=brackets.get(item.name)) for item in bars.items]
    shown = [column for column in range(3) if column == 0 or relative]
    text = [_width([COLUMNS[c], *(row.cells[c] for row in rows if row.centre is not None or row.item.value is not None)]) for c in shown]
    name = _width([line for row in rows for line in row.name])
    sign = max((tag(row.outcome).width for row in rows), default=0.0) + GAP if outcomes else 0.0
    right = sum(text) + GAP * len(text) + sign
    x_range = _range(rows, bands)
    across = axes.scale(x_range, axis_name(bars.axis, relative), max(width - name - GAP - right, 60.0), 26)
    key = legend.place(items(rows, bands, relative), width - name - GAP)
    height = sum(row.height for row in rows)
    base = axes.below(across) + key.height + 4
    frame = axes.Axes(name + GAP, base, max(width - name - GAP - right, 60.0), height, x_range, (0.0, 1.0))

    def paint(canvas: Canvas) -> None:
        _ground(canvas, frame, across, bands)
        x = frame.left + frame.width
        for c, wide in zip(shown, text, strict=True):
            x += GAP + wide
            write(canvas, COLUMNS[c], x, base + height + 3, SIZE - 0.4, BOLD, MUTED, "right")
        top = base + height
        for row in rows:
            _part(canvas, frame, row, top, [(c, wide) for c, wide in zip(shown, text, strict=True)], relative)
            if outcomes:
                _sign(canvas, row.outcome, width - sign + GAP, top - row.height / 2)
            top -= row.height
        key.draw(canvas, frame.left, key.height)

    return Drawn(width, base + height + HEAD, paint), key.left_over


def _range(rows: Sequence[Row], bands: Sequence[Band]) -> axes.Range:
    """What the axis shows: zero, the limits, every ± U, certificates; with limits no further than ``FAR`` times the widest of them."""
    values = [0.0, *(s * band.half for band in bands for s in (-1.15, 1.15))]
    for row in rows:
        if row.centre is not None and row.item.u is not None:
            values += [row.centre - 2 * row.item.u, row.centre + 2 * row.item.u, *row.certificate, *_ends(row)]
    if bands:
        most = FAR * max(band.half for band in bands)
        values = [min(max(value, -most), most) for value in values]
    return axes.padded(values, 0.05)


def _ends(row: Row) -> tuple[float, ...]:
    """Where a limit of its own lets a part be."""
    return (row.bracket[0] - row.bracket[1], row.bracket[0] + row.bracket[1]) if row.bracket else ()


def _ground(canvas: Canvas, frame: axes.Axes, across: axes.Scale, bands: Sequence[Band]) -> None:
    """The narrowest band tinted, every band's edges dashed, ticks and the frame."""
    top = frame.bottom + frame.height
    if bands:
        half = min(band.half for band in bands)
        low, high = (min(max(frame.x(s * half), frame.left), frame.left + frame.width) for s in (-1, 1))
        canvas.setFillColor(PANEL)
        canvas.rect(low, frame.bottom, high - low, frame.height, stroke=0, fill=1)
    axes.draw(canvas, frame, across, axes.Scale((), (), ()), mesh=True)
    for n, band in enumerate(bands):
        for at in (-band.half, band.half):
            if frame.x_range[0] <= at <= frame.x_range[1]:
                edge(canvas, n, [(frame.x(at), frame.bottom), (frame.x(at), top)])


def _part(canvas: Canvas, frame: axes.Axes, row: Row, top: float, columns: Sequence[tuple[int, float]], relative: bool) -> None:
    """Name, picture and numbers of one part, hanging from ``top``."""
    middle = top - row.height / 2
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.25)
    canvas.line(0, top - row.height, frame.left + frame.width, top - row.height)
    for n, line in enumerate(row.name):
        y = middle + ((len(row.name) - 1) / 2 - n) * LEADING - SIZE * 0.35
        write(canvas, line, frame.left - GAP, y, SIZE, anchor="right")
    x = frame.left + frame.width
    if row.item.value is None:
        room = sum(wide + GAP for _, wide in columns)
        first, *more = lines(f"not measured: {row.item.reason}", room + frame.width - 8, SIZE - 0.4)
        _instead(canvas, first + (" …" if more else ""), frame.left, middle)
        return
    if row.centre is None:
        _instead(canvas, "no nominal value: not drawn", frame.left, middle)
    else:
        _dot(canvas, frame, row, middle, filled=not relative)
    for c, wide in columns:
        x += GAP + wide
        write(canvas, row.cells[c], x, middle - SIZE * 0.35, SIZE, anchor="right")


def _instead(canvas: Canvas, text: str, left: float, middle: float) -> None:
    """Words in place of a dot, on white, so that no line of the plot strikes them out."""
    size = SIZE - 0.4
    canvas.setFillColor(WHITE)
    canvas.rect(left + 3, middle - size * 0.6, float(stringWidth(text, FONT, size)) + 2, size * 1.2, stroke=0, fill=1)
    write(canvas, text, left + 4, middle - size * 0.35, size, colour=MUTED)


def _dot(canvas: Canvas, frame: axes.Axes, row: Row, y: float, filled: bool) -> None:
    """The certificate's box, a bar from 0 where nothing is nominal, ± U, and the dot; an arrow where that is off the axis."""
    centre, u, (least, most) = row.centre or 0.0, row.item.u or 0.0, frame.x_range
    inner = partial(_clipped, frame)
    if edges := row.certificate:
        canvas.setStrokeColor(MUTED)
        canvas.setLineWidth(0.6)
        canvas.rect(inner(edges[0]), y - 3.2, inner(edges[1]) - inner(edges[0]), 6.4, stroke=1, fill=0)
    if row.bracket:
        low, high = (inner(end) for end in _ends(row))
        bracket(canvas, low, high, y)
    if filled:
        canvas.setFillColor(RULE)
        canvas.rect(min(inner(0.0), inner(centre)), y - 2, abs(inner(centre) - inner(0.0)), 4, stroke=0, fill=1)
    canvas.setStrokeColor(SERIES[0])
    canvas.setFillColor(SERIES[0])
    canvas.setLineWidth(0.8)
    if not least <= centre <= most:
        s = 1 if centre > most else -1
        tip = inner(centre) - s
        path(canvas, [(tip - s * 6, y - 3), (tip, y), (tip - s * 6, y + 3)], close=True, fill=1)
        return
    low, high = inner(centre - 2 * u), inner(centre + 2 * u)
    canvas.line(low, y, high, y)
    for x, whole in ((low, centre - 2 * u), (high, centre + 2 * u)):
        if least <= whole <= most:
            canvas.line(x, y - 2, x, y + 2)
    canvas.circle(frame.x(centre), y, 1.9, stroke=0, fill=1)


def _clipped(frame: axes.Axes, value: float) -> float:
    return min(max(frame.x(value), frame.left), frame.left + frame.width)


def _sign(canvas: Canvas, outcome: Outcome | None, x: float, middle: float) -> None:
    canvas.saveState()
    canvas.translate(x, middle - SIZE * 0.62)
    tag(outcome, SIZE).paint(canvas)
    canvas.restoreState()


def _width(texts: Sequence[str]) -> float:
    return max((float(stringWidth(text, FONT, SIZE)) for text in texts), default=0.0)
