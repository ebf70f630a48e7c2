"""A trend as a picture: values with U and their limits above, the EWMA with its limits below if there is one, numbered epochs, alarms.

Every mark differs in shape or dash, so that grey prints read as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path

from reportlab.pdfbase.pdfmetrics import stringWidth

from qa.control_chart import Chart
from qa.history import Point
from qa.limit import Outcome
from qa.reading import Measured
from qa.trend import Trend, levels
from reports import axes, date_axis, labels, legend, picture_file, trend_opinions, trend_signs, trend_words
from reports.ink import BOLD, INK, MUTED, RULE, SERIES, lines, register_fonts
from reports.strokes import Canvas, Picture, path, symbol, write

WIDTH, UPPER, LOWER = 560.0, 190.0, 110.0  # points: the picture, the two panels
EDGE, SIZE = 10.0, 6.6
CROWDED = 200  # points of a trend beyond which U bars are thinner, and marks smaller


def save(trend: Trend, place: Path, kind: str) -> Path:
    """The picture as ".png", ".svg" or ".pdf" in a file that is either complete or not there. QaError when the disk refuses."""
    return picture_file.save(picture(trend), trend_words.title(trend), place, kind)


def picture(whole: Trend) -> Picture:
    """The whole picture, of a size that depends on its words. One axis has one unit: the newest."""
    register_fonts()
    trend, numbers = whole.in_unit, {epoch.began: number for number, epoch in enumerate(whole.epochs, 1)}
    texts = [*trend_words.summary(whole), *filter(None, [trend_words.other_units(whole).lstrip("; ")])]
    heads = lines(trend_words.title(trend), WIDTH - 2 * EDGE, 9.0)
    time_range = axes.padded([date_axis.days(point.taken) for point in trend.points] + trend_opinions.days(trend), 0.02)
    panels = _panels(trend)
    ups = [axes.scale(panel.reach, panel.name, panel.height, 18) for panel in panels]
    left = EDGE + max(axes.beside(up) for up in ups)
    plot = WIDTH - left - EDGE
    across = date_axis.scale(time_range, plot)
    key = legend.place(trend_signs.items(trend, numbers), plot)
    texts += [f"not in the legend, in the table of --csv: {'; '.join(key.left_over)}"] if key.left_over else []
    words = [line for text in texts for line in lines(text, WIDTH - 2 * EDGE, SIZE)]
    foot = EDGE + len(words) * SIZE * 1.35 + 6 + key.height + 6
    bottom = foot + axes.below(across)
    frames = [
        axes.Axes(left, bottom + sum(below.height + 24 for below in panels[n + 1 :]), plot, panel.height, time_range, panel.reach)
        for n, panel in enumerate(panels)
    ]
    height = frames[0].bottom + UPPER + 12 + len(heads) * 12 + EDGE

    def paint(canvas: Canvas) -> None:
        for n, line in enumerate(heads):
            write(canvas, line, EDGE, height - EDGE - 9 - 12 * n, 9.0, BOLD)
        for panel, frame, up in zip(panels, frames, ups, strict=True):
            axes.draw(canvas, frame, across, up, mesh=True)
            panel.draw(canvas, frame, trend)
        _epochs(canvas, frames, trend, numbers)
        _services(canvas, frames[0], trend)
        key.draw(canvas, left, foot - 2)
        for n, line in enumerate(words):
            write(canvas, line, EDGE, foot - key.height - 12 - SIZE * 1.35 * n, SIZE)

    return Picture(WIDTH, height, paint)


@dataclass(frozen=True)
class _Panel:
    name: str
    height: float
    reach: axes.Range
    draw: Callable[[Canvas, axes.Axes, Trend], None]


def _panels(trend: Trend) -> list[_Panel]:
    """Values with U and the limits that judged them; where there is a chart the EWMA and its limits."""
    readings = [(point, point.reading) for point in trend.points if isinstance(point.reading, Measured)]
    upper = [edge for _, one in readings for edge in (one.value - 2 * one.u, one.value + 2 * one.u)]
    upper += trend_opinions.heights(trend)
    for side in ("low", "high"):  # a limit on a side where there are no values would only flatten them
        if any((one.value > 0) == (side == "high") for _, one in readings):
            ends = [getattr(level, side) for point, _ in readings for level in levels(point, trend.signed)[:1]]
            upper += filter(math.isfinite, ends)
    lower = [each for epoch in trend.epochs if isinstance(epoch.chart, Chart) for each in _band(epoch.chart)]
    unit = f" ({trend.quantity.unit})" if trend.quantity.unit else ""
    panels = [_Panel(f"value ± U{unit}", UPPER, axes.padded(upper), _values)]
    return panels + [_Panel(f"EWMA{unit}", LOWER, axes.padded(lower), _averages)] * bool(lower)


def _band(chart: Chart) -> Iterator[float]:
    yield from chart.ewma
    yield from (chart.centre + sign * chart.half[-1] for sign in (-1, 1))


def _values(canvas: Canvas, frame: axes.Axes, trend: Trend) -> None:
    for epoch in trend.epochs:
        if isinstance(epoch.chart, Chart):
            for sign in (-1, 1):
                _level(canvas, frame, epoch.charted, epoch.chart.centre + sign * epoch.chart.spread, (1.2, 1.8), 0.6)
    for first, last, name, level in _runs(trend):
        canvas.setStrokeColor(trend_signs.ALARM)
        canvas.setLineWidth(1.0)
        canvas.setDash(trend_signs.DASHES[name])
        y = frame.y(level)
        if frame.bottom <= y <= frame.bottom + frame.height:
            canvas.line(frame.x(first), y, max(frame.x(last), frame.x(first) + 3), y)
        canvas.setDash([])
    _points(canvas, frame, trend)
    trend_opinions.draw(canvas, frame, trend)


def _points(canvas: Canvas, frame: axes.Axes, trend: Trend) -> None:
    """The bars of all values first, so that none lies over a mark; then the marks, those off the chart and those that pass undermost."""
    small = len(trend.points) > CROWDED
    shown = [(point, index not in epoch.left) for epoch in trend.epochs for index, point in enumerate(epoch.points)]
    places = [(frame.x(date_axis.days(point.taken)), point, charted) for point, charted in shown]
    values = [
        (x, frame.y(point.reading.value), point.reading, point, charted)
        for x, point, charted in places
        if isinstance(point.reading, Measured)
    ]
    canvas.setStrokeColor(RULE if small else MUTED)
    canvas.setLineWidth(0.4)
    for x, y, reading, _, _ in values:
        _bar(canvas, x, y, frame.y(2 * reading.u) - frame.y(0), small)
    for charted in (False, True):
        passed = [(x, y) for x, y, _, point, on in values if on == charted and point.outcome in (None, Outcome.PASS)]
        trend_signs.dots(canvas, passed, charted, 1.1 if small else 1.9)
    for x, point, _ in places:
        if not isinstance(point.reading, Measured):
            trend_signs.gap(canvas, x, frame.bottom + 4)
    for x, y, _, point, _ in values:
        if not point.dated:
            trend_signs.undated(canvas, x, y)
    signs = [(point.outcome, x, y) for x, y, _, point, _ in values if point.outcome not in (None, Outcome.PASS)]
    for outcome, x, y in sorted(signs, key=lambda one: one[0] or Outcome.PASS):  # where two analyses of one image meet, the worse is seen
        symbol(canvas, outcome, x, y, 6.0)


def _bar(canvas: Canvas, x: float, y: float, half: float, small: bool) -> None:
    """U of a value; with caps where there is room."""
    canvas.line(x, y - half, x, y + half)
    if not small:
        canvas.lines([(x - 1.2, y + sign * half, x + 1.2, y + sign * half) for sign in (-1, 1)])


def _averages(canvas: Canvas, frame: axes.Axes, trend: Trend) -> None:
    for epoch in trend.epochs:
        chart = epoch.chart
        if not isinstance(chart, Chart):
            continue
        days = [frame.x(date_axis.days(point.taken)) for point in epoch.charted]
        _level(canvas, frame, epoch.charted, chart.centre, (), 0.5)
        canvas.setStrokeColor(INK)
        canvas.setLineWidth(0.7)
        canvas.setDash([3, 1.5])
        for sign in (-1, 1):
            path(canvas, [(x, frame.y(chart.centre + sign * half)) for x, half in zip(days, chart.half, strict=True)])
        canvas.setDash([])
        canvas.setStrokeColor(SERIES[0])
        canvas.setLineWidth(1.2)
        path(canvas, [(x, frame.y(z)) for x, z in zip(days, chart.ewma, strict=True)])
        for n in chart.beyond:
            trend_signs.alarm(canvas, days[n], frame.y(chart.ewma[n]))


def _epochs(canvas: Canvas, frames: Sequence[axes.Axes], trend: Trend, numbers: Mapping[datetime, int]) -> None:
    """A line through all panels where an epoch begins, its number above where there is room; the legend has the reasons."""
    end, top = 0.0, frames[0].bottom + frames[0].height + 3
    for n, epoch in enumerate(trend.epochs if len(numbers) > 1 else ()):
        x = frames[0].x(date_axis.days(epoch.began)) - 2.5
        canvas.setStrokeColor(INK)
        canvas.setLineWidth(0.8)
        for frame in frames if n else ():
            canvas.line(x, frame.bottom, x, frame.bottom + frame.height)
        wide = float(stringWidth(str(numbers[epoch.began]), BOLD, labels.SIZE))
        if x - wide / 2 > end:
            write(canvas, str(numbers[epoch.began]), x, top, labels.SIZE, BOLD, anchor="centre")
            end = x + wide / 2 + 2


def _services(canvas: Canvas, frame: axes.Axes, trend: Trend) -> None:
    """The days on which the machine was out of use, at the foot of the values, as far as they are within the time shown."""
    start, end = frame.x_range
    for began, ended in trend.services:
        first, last = _midnight(began.day), end if ended is None else _midnight(ended.day) + 1
        if first < end and last > start:
            left, right = frame.x(max(first, start)), frame.x(min(last, end))
            trend_signs.service(canvas, left, frame.bottom, right - left)


def _midnight(day: date) -> float:
    return date_axis.days(datetime.combine(day, time(), UTC))


def _level(canvas: Canvas, frame: axes.Axes, points: Sequence[Point], level: float, dash: tuple[float, ...], width: float) -> None:
    y = frame.y(level)
    if frame.bottom <= y <= frame.bottom + frame.height:
        canvas.setStrokeColor(INK)
        canvas.setLineWidth(width)
        canvas.setDash(list(dash))
        canvas.line(frame.x(date_axis.days(points[0].taken)), y, frame.x(date_axis.days(points[-1].taken)), y)
        canvas.setDash([])


def _runs(trend: Trend) -> Iterator[tuple[float, float, str, float]]:
    """(first day, last day, name, level) of every stretch over which a limit stayed as it was: to the point at which it was another."""
    of = [
        (date_axis.days(point.taken), {(each.name, end) for each in levels(point, trend.signed) for end in (each.low, each.high)})
        for point in trend.points
    ]
    open_: dict[tuple[str, float], float] = {}
    for (_, before), (day, here) in pairwise([(0.0, set()), *of]):
        for level in sorted(before - here):
            yield open_.pop(level), day, *level
        open_ |= {level: day for level in sorted(here - before)}
    yield from ((first, of[-1][0], *level) for level, first in open_.items())
