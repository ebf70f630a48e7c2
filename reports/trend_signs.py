"""The signs of a trend's picture, each of a shape or dash of its own, and the legend of those that it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial

from qa.control_chart import Chart
from qa.limit import Outcome
from qa.reading import Measured
from qa.trend import Trend, levels
from reports import legend, trend_opinions
from reports.ink import BOLD, FACES, INK, MUTED, SERIES, WHITE
from reports.strokes import Canvas, Point, corners, discs, path, symbol, write

ALARM = FACES[Outcome.FAIL].colour
DASHES = {"tolerance": [6.0, 2.0], "action level": [6.0, 2.0, 1.0, 2.0]}


def dots(canvas: Canvas, places: Iterable[Point], charted: bool, radius: float = 1.9) -> None:
    """Values; hollow where they have no place on the chart."""
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.6)
    canvas.setFillColor(SERIES[0] if charted else WHITE)
    discs(canvas, places, radius)


def gap(canvas: Canvas, x: float, y: float) -> None:
    """No number at that time."""
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.8)
    canvas.lines([(x - 1.8, y - 1.8, x + 1.8, y + 1.8), (x - 1.8, y + 1.8, x + 1.8, y - 1.8)])


def undated(canvas: Canvas, x: float, y: float) -> None:
    """The point is at the time of its analysis: a square around it."""
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.5)
    canvas.rect(x - 3.2, y - 3.2, 6.4, 6.4, stroke=1, fill=0)


def alarm(canvas: Canvas, x: float, y: float) -> None:
    """The EWMA is outside."""
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.4)
    canvas.setFillColor(ALARM)
    path(canvas, corners(3, x, y, 2.8, 90), close=True, fill=1)


def service(canvas: Canvas, x: float, y: float, wide: float = 6.0) -> None:
    """The machine was out of use from there on: a bar as wide as it lasted."""
    canvas.setStrokeColor(INK)
    canvas.setFillColor(MUTED)
    canvas.setLineWidth(0.5)
    canvas.rect(x, y, max(wide, 1.5), 3.0, stroke=1, fill=1)


def _stroke(canvas: Canvas, x: float, y: float, dash: list[float], width: float, alarm: bool = False) -> None:
    canvas.setStrokeColor(ALARM if alarm else INK)
    canvas.setLineWidth(width)
    canvas.setDash(dash)
    canvas.line(x, y, x + 12, y)
    canvas.setDash([])


def _outcome(outcome: Outcome, canvas: Canvas, x: float, y: float) -> None:
    symbol(canvas, outcome, x + 6, y, 6.0)


def _number(number: int, canvas: Canvas, x: float, y: float) -> None:
    write(canvas, str(number), x + 6, y - 2, legend.SIZE, BOLD, anchor="centre")


def items(trend: Trend, numbers: Mapping[datetime, int]) -> list[legend.Item]:
    """What of all signs there is in this picture, then its epochs by their numbers, the newest first."""
    of = [(epoch, index, point) for epoch in trend.epochs for index, point in enumerate(epoch.points)]
    outcomes = sorted(
        {point.outcome for _, _, point in of if point.outcome not in (None, Outcome.PASS) and isinstance(point.reading, Measured)}
    )
    charts = [epoch.chart for epoch in trend.epochs if isinstance(epoch.chart, Chart)]
    found = [legend.Item("value ± U", lambda canvas, x, y: dots(canvas, [(x + 6, y)], True))]
    shown = [(epoch, index) for epoch, index, point in of if isinstance(point.reading, Measured) and point.outcome in (None, Outcome.PASS)]
    if any(index in epoch.left for epoch, index in shown):
        found.append(legend.Item("value not on the chart", lambda canvas, x, y: dots(canvas, [(x + 6, y)], False)))
    found += [legend.Item(FACES[outcome].word, partial(_outcome, outcome)) for outcome in outcomes]
    if any(not isinstance(point.reading, Measured) for _, _, point in of):
        found.append(legend.Item("no number", lambda canvas, x, y: gap(canvas, x + 6, y)))
    if any(not point.dated for _, _, point in of):
        found.append(legend.Item("taken when? at the time of its analysis", lambda canvas, x, y: undated(canvas, x + 6, y)))
    for name in DASHES:
        if any(level.name == name for _, _, point in of for level in levels(point, trend.signed)):
            found.append(legend.Item(name, partial(_stroke, dash=DASHES[name], width=1.0, alarm=True)))
    if charts:
        found += [
            legend.Item("individuals limits", lambda canvas, x, y: _stroke(canvas, x, y, [1.2, 1.8], 0.6)),
            legend.Item("EWMA limits", lambda canvas, x, y: _stroke(canvas, x, y, [3, 1.5], 0.7)),
        ]
    if said := trend_opinions.shown(trend):
        name = trend_opinions.SHORT.get(said[0].of.source, said[0].of.source)
        of_theirs = f"{name}, its threshold as a stroke; full: its verdict is no pass"
        found.append(legend.Item(of_theirs, lambda canvas, x, y: trend_opinions.sign(canvas, x + 6, y, False)))
    if any(chart.beyond for chart in charts):
        found.append(legend.Item("EWMA alarm", lambda canvas, x, y: alarm(canvas, x + 6, y)))
    if trend.services:
        found.append(legend.Item("under service", lambda canvas, x, y: service(canvas, x + 2, y - 1.5, 8.0)))
    named = [(numbers[epoch.began], f"since {epoch.began.astimezone(UTC):%Y-%m-%d}: {epoch.why}") for epoch in reversed(trend.epochs)]
    return found + [legend.Item(text, partial(_number, number)) for number, text in named if len(numbers) > 1]
