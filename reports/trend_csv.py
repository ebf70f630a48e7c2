"""A trend as comma-separated values: every point at full precision, with its epoch and its place on the charts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from qa.control_chart import Chart, NoChart
from qa.reading import Measured
from qa.trend import Trend
from reports import disk, trend_opinions, trend_words
from reports.spreadsheet import inert

HEAD = ("taken (UTC)", "quantity", "value", "u (k = 1)", "unit", "outcome", "limits", "record", "epoch", "on the chart")
CHART = ("centre", "EWMA", "EWMA low", "EWMA high", "individuals low", "individuals high", "alarm", "why there is no number, or no place")


def text(trend: Trend) -> str:
    """What it is a trend of, the sentences, then one row per point (RFC 4180); a number that there is not is an empty cell."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    for words in (trend_words.title(trend), *trend_words.summary(trend)):
        writer.writerow([inert(words)])
    writer.writerow([])
    writer.writerow((*HEAD, *CHART))
    writer.writerows([inert(cell) for cell in row] for row in _rows(trend))
    if said := [*trend_opinions.table(trend)]:
        writer.writerow([])
        writer.writerows([inert(cell) for cell in row] for row in said)
    return target.getvalue()


def write(trend: Trend, path: Path) -> Path:
    """The trend in a UTF-8 file that is either complete or not there. QaError when the disk refuses, saying what to do."""
    return disk.put(text(trend).encode(), path)


def _rows(trend: Trend) -> Iterator[tuple[str, ...]]:
    for number, epoch in enumerate(trend.epochs, 1):
        place, beyond = 0, set(epoch.chart.beyond)
        for index, point in enumerate(epoch.points):
            reading, on = point.reading, index not in epoch.left
            value, u = (repr(reading.value), repr(reading.u)) if isinstance(reading, Measured) else ("", "")
            outcome = point.outcome.name if point.outcome is not None else "not judged"
            charted = _charted(epoch.chart, place, place in beyond) if on else ("",) * 7
            place += on
            what = point.taken.isoformat(), reading.quantity.key, value, u, reading.quantity.unit, outcome
            own = trend_words.limits(point), point.record_id, str(number), "yes" if on else "no"
            yield (*what, *own, *charted, "; ".join(filter(None, (epoch.left.get(index, ""), "" if point.dated else trend_words.UNDATED))))


def _charted(chart: Chart | NoChart, n: int, beyond: bool) -> tuple[str, ...]:
    if isinstance(chart, NoChart):
        return ("",) * 6 + ("unlike the first values" if beyond else "",)
    low, high = chart.centre - chart.half[n], chart.centre + chart.half[n]
    ends = low, high, chart.centre - chart.spread, chart.centre + chart.spread
    return repr(chart.centre), repr(chart.ewma[n]), *map(repr, ends), "EWMA" if beyond else ""
