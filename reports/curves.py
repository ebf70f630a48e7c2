"""A curve as vector graphics: colour, marker and dash differ together, bars are ± U = 2u."""

from __future__ import annotations

import math
from functools import partial

from qa.evidence import Curve, Series
from reports import axes, legend
from reports.shapes import Canvas, Drawn, corners, path
from reports.style import DASHES, SERIES, WHITE

SHAPE = 0.56  # height over width of the plot rectangle
Dot = tuple[float, float, float]  # x, y, u


def picture(curve: Curve, width: float) -> tuple[Drawn, tuple[str, ...]]:
    """The curve ``width`` points wide, and the names that its legend has no room for; without a finite point the axes stay empty."""
    looks = {name: n for n, name in enumerate(dict.fromkeys(series.name for series in curve.series))}
    data = [(looks[series.name], series, _finite(series)) for series in curve.series]
    x_range = axes.padded([x for _, _, dots in data for x, _, _ in dots])
    y_range = axes.padded([edge for _, _, dots in data for _, y, u in dots for edge in (y - 2 * u, y + 2 * u)])
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

    def paint(canvas: Canvas) -> None:
        axes.draw(canvas, frame, across, up, mesh=True)
        for n, series, dots in data:
            _series(canvas, frame, n, series, dots)
        key.draw(canvas, frame.left, key.height)

    return Drawn(width, base + height + 4, paint), key.left_over


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
    if series.style in ("line", "both"):
        canvas.setLineWidth(0.9)
        canvas.setDash(list(DASHES[index % len(DASHES)]))
        path(canvas, at)
        canvas.setDash([])
    canvas.setLineWidth(0.6)
    for x, y, u in dots:
        if u > 0:
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
    canvas.setStrokeColor(SERIES[index % len(SERIES)])
    if series.style in ("line", "both"):
        canvas.setLineWidth(0.9)
        canvas.setDash(list(DASHES[index % len(DASHES)]))
        canvas.line(x, y, x + 12, y)
        canvas.setDash([])
    if series.style in ("points", "both"):
        marker(canvas, index, x + 6, y)
