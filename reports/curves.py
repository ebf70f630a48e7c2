"""A curve as vector graphics: colour, marker and dash differ together, bars and bands are ± U = 2u, lines carry their words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from reportlab.lib.colors import Color
from reportlab.pdfbase.pdfmetrics import stringWidth

from qa.evidence import Curve, Line, Series
from reports import axes, labels, legend
from reports.shapes import Canvas, Drawn, corners, path
from reports.style import DASHES, FONT, INK, SERIES, WHITE, printable

SHAPE = 0.56  # height over width of the plot rectangle
TINT = 0.22  # how strong a band is beside its line
LINES = ("line", "both", "band")
Dot = tuple[float, float, float]  # x, y, u


def picture(curve: Curve, width: float) -> tuple[Drawn, tuple[str, ...]]:
    """The curve ``width`` points wide, and the names and labels that have no room; without a finite point the axes stay empty."""
    looks = {name: n for n, name in enumerate(dict.fromkeys(series.name for series in curve.series))}
    data = [(looks[series.name], series, _finite(series)) for series in curve.series]
    x_range = axes.padded([x for _, _, dots in data for x, _, _ in dots] + _at(curve, "x"))
    y_range = axes.padded([edge for _, _, dots in data for _, y, u in dots for edge in (y - 2 * u, y + 2 * u)] + _at(curve, "y"))
    shape = 1.0 if curve.equal else SHAPE
    up = axes.scale(y_range, curve.axes[1], width * shape * 0.75, 20)
    plot = (width - axes.beside(up) - 8) * (0.66 if curve.equal else 1.0)
    height = plot * shape
    if curve.equal:
        x_range, y_range = _same_scale(x_range, y_range)
        up = axes.scale(y_range, curve.axes[1], height, 20)
    across = axes.scale(x_range, curve.axes[0], plot, 34)
    first = {series.name: (n, series) for n, series, _ in reversed(data) if series.name}
    named = [legend.Item(name, partial(_sample, *first[name][::-1])) for name in looks if name in first]
    key = legend.place(named, width - axes.beside(up) - 8)
    base = axes.below(across) + key.height + 3
    frame = axes.Axes(axes.beside(up), base, plot, height, x_range, y_range)
    words, homeless = _words(curve.lines, frame, [dots for _, _, dots in data])

    def paint(canvas: Canvas) -> None:
        axes.draw(canvas, frame, across, up, mesh=True)
        for n, series, dots in data:
            if series.style == "band":
                _band(canvas, frame, n, dots)
        for line in curve.lines:
            _line(canvas, frame, line)
        for n, series, dots in data:
            _series(canvas, frame, n, series, dots)
        for text, box in words:
            labels.on_paper(canvas, text, box)
        key.draw(canvas, frame.left, key.height)

    return Drawn(width, base + height + 4, paint), (*key.left_over, *homeless)


def _at(curve: Curve, axis: str) -> list[float]:
    return [line.value for line in curve.lines if line.axis == axis and math.isfinite(line.value)]


def _line(canvas: Canvas, frame: axes.Axes, line: Line) -> None:
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.5)
    canvas.setDash([1, 1.5])
    if line.axis == "x":
        canvas.line(frame.x(line.value), frame.bottom, frame.x(line.value), frame.bottom + frame.height)
    else:
        canvas.line(frame.left, frame.y(line.value), frame.left + frame.width, frame.y(line.value))
    canvas.setDash([])


def _words(lines: Sequence[Line], frame: axes.Axes, data: Sequence[list[Dot]]) -> tuple[list[tuple[str, labels.Box]], list[str]]:
    """Each line's words on the line, where the curves leave room if there is such a place; and what found no place."""
    at = [[(frame.x(x), frame.y(y)) for x, y, _ in dots] for dots in data]
    drawn = [labels.box_of(pair, 1.0) for dots in at for pair in zip(dots, dots[1:] or dots, strict=False)]
    placed: list[tuple[str, labels.Box]] = []
    homeless = []
    for line in lines:
        text = printable(line.label)
        long, high = float(stringWidth(text, FONT, labels.SIZE)) + 3, labels.SIZE * 1.2
        parts = [n / 8 for n in range(9)]
        if line.axis == "x":
            x, room = frame.x(line.value), frame.height - long - 4
            boxes = [(x - high / 2, top - long, x + high / 2, top) for top in (frame.bottom + frame.height - 2 - p * room for p in parts)]
        else:
            y, room = frame.y(line.value), frame.width - long - 4
            boxes = [(end - long, y - high / 2, end, y + high / 2) for end in (frame.left + frame.width - 2 - p * room for p in parts)]
        box = labels.first_free(boxes, frame, [taken for _, taken in placed], drawn) if text else None
        if box:
            placed.append((text, box))
        elif text:
            homeless.append(f"{text} at {line.value:g}")
    return placed, homeless


def _band(canvas: Canvas, frame: axes.Axes, index: int, dots: list[Dot]) -> None:
    """± 2u in a tint of the series' colour, light enough for the line and for grey print."""
    colour = SERIES[index % len(SERIES)]
    canvas.setFillColor(Color(*(1 - TINT * (1 - part) for part in colour.rgb())))
    edges = [(x, y + 2 * u) for x, y, u in dots] + [(x, y - 2 * u) for x, y, u in reversed(dots)]
    if any(u for _, _, u in dots):
        path(canvas, [(frame.x(x), frame.y(y)) for x, y in edges], close=True, fill=1, stroke=0)


def _finite(series: Series) -> list[Dot]:
    u = series.u or (0.0,) * len(series.x)
    dots = zip(series.x, series.y, u, strict=True)
    return [(x, y, e if math.isfinite(e) else 0.0) for x, y, e in dots if math.isfinite(x) and math.isfinite(y)]


def _same_scale(x_range: axes.Range, y_range: axes.Range) -> tuple[axes.Range, axes.Range]:
    """Both ranges widened about their middle to the larger of the two spans."""
    half = max(x_range[1] - x_range[0], y_range[1] - y_range[0]) / 2
    x, y = (sum(x_range) / 2, sum(y_range) / 2)
    return (x - half, x + half), (y - half, y + half)


def _series(canvas: Canvas, frame: axes.Axes, index: int, series: Series, dots: list[Dot]) -> None:
    at = [(frame.x(x), frame.y(y)) for x, y, _ in dots]
    canvas.setStrokeColor(SERIES[index % len(SERIES)])
    if series.style in LINES:
        canvas.setLineWidth(0.9)
        canvas.setDash(list(DASHES[index % len(DASHES)]))
        path(canvas, at)
        canvas.setDash([])
    canvas.setLineWidth(0.6)
    for x, y, u in dots:
        if u > 0 and series.style != "band":
            low, high, centre = frame.y(y - 2 * u), frame.y(y + 2 * u), frame.x(x)
            canvas.lines([(centre, low, centre, high), (centre - 1.5, low, centre + 1.5, low), (centre - 1.5, high, centre + 1.5, high)])
    if series.style in ("points", "both"):
        for x, y in at:
            marker(canvas, index, x, y)


def marker(canvas: Canvas, index: int, x: float, y: float, size: float = 1.9) -> None:
    """The sign of a series: circle, square, triangle, diamond; filled for the first four series, hollow for the next."""
    colour = SERIES[index % len(SERIES)]
    canvas.setStrokeColor(colour)
    canvas.setLineWidth(0.7)
    canvas.setFillColor(colour if index % 8 < 4 else WHITE)
    if index % 4 == 0:
        canvas.circle(x, y, size, stroke=1, fill=1)
    else:
        count, turn = ((4, 45), (3, 90), (4, 0))[index % 4 - 1]
        path(canvas, corners(count, x, y, size * 1.3, turn), close=True, fill=1)


def _sample(series: Series, index: int, canvas: Canvas, x: float, y: float) -> None:
    if series.style == "band":
        canvas.setFillColor(Color(*(1 - TINT * (1 - part) for part in SERIES[index % len(SERIES)].rgb())))
        canvas.rect(x, y - 2.4, 12, 4.8, stroke=0, fill=1)
    canvas.setStrokeColor(SERIES[index % len(SERIES)])
    if series.style in LINES:
        canvas.setLineWidth(0.9)
        canvas.setDash(list(DASHES[index % len(DASHES)]))
        canvas.line(x, y, x + 12, y)
        canvas.setDash([])
    if series.style in ("points", "both"):
        marker(canvas, index, x + 6, y)
