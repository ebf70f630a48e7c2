"""A trend in words: its span, the chart and its alarm, the drift, and every point as a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from qa.control_chart import Chart, NoChart
from qa.history import Point
from qa.reading import Measured
from qa.trend import Epoch, Forecast, Level, Trend
from reports import numbers, trend_opinions

BARS, PLAIN = "▁▂▃▄▅▆▇█", "0123456789"
GAPS = {True: "·", False: "?"}
HEAD = ("taken (UTC)", "value ± U", "outcome", "limit", "record", "note")
UNDATED = "the files have no date: at the time of the analysis"
_FAR = 3 * 365.0  # days: a latest day beyond is no latest day to a reader


def title(trend: Trend) -> str:
    """What it is a trend of: "kv_isocenter_x (set kV 2) on LINAC-B, in mm"."""
    of = ", ".join(text if key in ("part", "setting") else f"{key} {text}" for key, text in trend.of)
    unit = f", in {trend.quantity.unit}" if trend.quantity.unit else ""
    return f"{trend.quantity.key}{f' ({of})' if of else ''} on {trend.machine}{unit}"


def span(trend: Trend) -> str:
    """How many values and gaps from when to when."""
    points = trend.points
    values = sum(isinstance(point.reading, Measured) for point in points)
    words = f"{_count(values, 'value')}, {len(points) - values} not measured, {day(points[0].taken)} to {day(points[-1].taken)}"
    words += f"; test {trend.procedure}" + (f"; epochs: {len(trend.epochs)}" if len(trend.epochs) > 1 else "")
    undated = sum(not point.dated for point in points)
    return words + (f"; {_count(undated, 'point')} without a date in the files, at the time of the analysis" if undated else "")


def chart(epoch: Epoch, unit: str) -> Iterator[str]:
    """The newest epoch's limits and alarm, or why there are none; then when the limits are wrong, and single values outside."""
    yield f"epoch since {day(epoch.began)}: {epoch.why}"
    found = epoch.chart
    if isinstance(found, NoChart):
        yield f"no control chart: {found.reason}"
        if found.alarm is not None:
            first = numbers.with_unit(f"{found.same:.6g}", unit)
            since = day(epoch.charted[found.alarm].taken)
            yield f"ALARM since {since}: all of the first values were {first}; look for the cause (outcomes stay)"
        elif found.beyond:
            yield f"it was another before, last on {day(epoch.charted[found.beyond[-1]].taken)}"
        yield from _left(epoch)
        return
    state = "provisional, they move until there are 20" if found.provisional else "frozen"
    centre, sigma = numbers.estimate(found.centre, found.sigma / found.count**0.5), numbers.two_digits(found.sigma)
    yield f"centre {numbers.with_unit(centre, unit)}, scatter {numbers.with_unit(sigma, unit)}; limits of {found.count} values: {state}"
    charted = epoch.charted
    if found.alarm is None:
        ended = f"; it was outside before, last on {day(charted[found.beyond[-1]].taken)}" if found.beyond else ""
        yield f"EWMA: no alarm{ended}"
    else:
        way = "above" if found.ewma[-1] > found.centre else "below"
        yield f"EWMA: ALARM since {day(charted[found.alarm].taken)}: the mean moved {way} its centre; look for the cause (outcomes stay)"
    if found.outside:
        days = ", ".join(day(charted[n].taken) for n in found.outside[-3:])
        last = ": repeat the newest" if found.outside[-1] == len(charted) - 1 else ""
        yield f"single values outside the individuals limits: {len(found.outside)}, the last on {days}{last}"
    for caution in found.cautions:
        yield f"caution: {caution}"
    yield from _left(epoch)


def _left(epoch: Epoch) -> Iterator[str]:
    if epoch.left:
        yield f"not on the chart: {_count(len(epoch.left), 'point')}; a chart does not see what was not measured"


def drift(trend: Trend) -> Iterator[str]:
    """The slope, and when each level is reached."""
    line, unit = trend.line, trend.quantity.unit
    if isinstance(line, str):
        yield f"drift: nothing can be said: {line}"
        return
    slope = numbers.estimate(line.slope * 365, line.half(line.mean_day + 1e6) / 1e6 / 2 * 365)
    yield f"drift: {numbers.with_unit(slope, unit)} a year, from {line.count} values over {line.span:.0f} days"
    if not trend.forecasts:
        yield "no limit with a number judged the newest value: there is nothing to reach"
    if any(math.isinf(forecast.level.low) for forecast in trend.forecasts):
        yield "no value was ever negative: nothing is forecast to go below 0"
    for forecast in trend.forecasts:
        yield f"forecast: {reached(forecast, unit)}"


def reached(forecast: Forecast, unit: str) -> str:
    """ "reaches the tolerance of +1 mm between 2026-03-01 and 2026-06-20 (95 %)"; of what has one end only, without a sign."""
    found, level = forecast.reach, forecast.level
    name = f"the {level.name} of {_end(level, found.level, unit)}"
    first = _month(forecast.last, found.earliest)
    if found.state == "reached":
        return f"beyond {name} already"
    if found.state == "undecided":
        return f"too close to {name} to say when"
    if found.state == "not within a year":
        return f"no drift that reaches {name} within a year of {day(forecast.last)}"
    if found.latest is None or found.latest > _FAR:
        return f"reaches {name} not before {first}; the drift is known too badly to say by when"
    last = _month(forecast.last, found.latest)
    if first == last:
        first, last = (day(forecast.last + timedelta(days=each)) for each in (found.earliest or 0.0, found.latest))
    return f"reaches {name} between {first} and {last} (95 %), if it goes on as it did"


def _end(level: Level, end: float | None, unit: str) -> str:
    """Which end of the level, or both: "+1 mm", "±1 mm"; "1 mm" where there is one; "-1 mm from the baseline"."""
    sign = "" if math.isinf(level.low) else "±" if end is None else "-" if end == level.low else "+"
    return numbers.with_unit(f"{sign}{level.size:.6g}", unit) + (" from the baseline" if level.baseline else "")


def sparkline(trend: Trend, width: int, symbols: bool) -> str:
    """The newest ``width`` points as heights between the lowest and the highest; without symbols as digits. A gap is "·" or "?"."""
    points = trend.in_unit.points[-width:]
    values = [point.reading.value for point in points if isinstance(point.reading, Measured)]
    low, high = min(values, default=0.0), max(values, default=0.0)
    steps = BARS if symbols else PLAIN

    def height(point: Point) -> str:
        if not isinstance(point.reading, Measured):
            return GAPS[symbols]
        part = (point.reading.value - low) / (high - low) if high > low else 0.5
        return steps[min(int(part * len(steps)), len(steps) - 1)]

    return "".join(map(height, points))


def heights(trend: Trend, width: int, symbols: bool) -> str:
    """What the sparkline's lowest and highest sign stand for."""
    readings = [point.reading for point in trend.in_unit.points[-width:] if isinstance(point.reading, Measured)]
    if not readings:
        return "no value"
    low, high = min(readings, key=lambda one: one.value), max(readings, key=lambda one: one.value)
    unit, steps = trend.quantity.unit, BARS if symbols else PLAIN
    ends = f"{steps[0]} {numbers.with_unit(numbers.pair(low), unit)}, {steps[-1]} {numbers.with_unit(numbers.pair(high), unit)}"
    return (
        f"{ends}, {GAPS[symbols]} no value"
        + (f"; the newest {width} points" if len(trend.in_unit.points) > width else "")
        + other_units(trend)
    )


def other_units(trend: Trend) -> str:
    """What has no place beside the newest unit."""
    left = len(trend.points) - len(trend.in_unit.points)
    return f"; not drawn, in another unit: {_count(left, 'point')}" if left else ""


def rows(trend: Trend, newest: int | None = None) -> Iterator[tuple[str, ...]]:
    """Every point, or the newest ones, the first one first."""
    first = 0 if newest is None else max(0, len(trend.points) - newest)
    before = 0
    for epoch in trend.epochs:
        signs = iter(_signs(epoch))
        for index, point in enumerate(epoch.points):
            sign = epoch.left[index] if index in epoch.left else next(signs)
            if before + index < first:
                continue
            reading = point.reading
            unit = reading.quantity.unit
            value = numbers.with_unit(numbers.pair(reading), unit) if isinstance(reading, Measured) else "not measured"
            said = (
                f"new epoch: {epoch.why}" if index == 0 else "",
                "" if point.dated else UNDATED,
                sign,
            )
            outcome = point.outcome.name if point.outcome is not None else "not judged"
            yield moment(point.taken), value, outcome, limits(point), point.record_id[:8], "; ".join(filter(None, said))
        before += len(epoch.points)


def limits(point: Point) -> str:
    """The limits that judged the point, each once."""
    return "; ".join(dict.fromkeys(numbers.limit_words(judged.limit) for judged in point.judgements))


def _signs(epoch: Epoch) -> Iterator[str]:
    """What the charts say of each point on them."""
    found = epoch.chart
    beyond, outside = set(found.beyond), set(found.outside if isinstance(found, Chart) else ())
    for n in range(len(epoch.charted)):
        said = ["EWMA alarm" if isinstance(found, Chart) else "unlike the first values"] * (n in beyond)
        yield ", ".join(said + ["outside individuals limits"] * (n in outside))


def day(time: datetime) -> str:
    """The date in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d}"


def moment(time: datetime) -> str:
    """Date and minute in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"


def _month(last: datetime, days: float | None) -> str:
    return "" if days is None or days > _FAR else f"{(last + timedelta(days=days)).astimezone(UTC):%B %Y}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def services(trend: Trend) -> Iterator[str]:
    """When the machine was out of use, and why, the last three times."""
    if len(trend.services) > 3:
        yield f"under service {len(trend.services)} times (igrtqa list --events); the last three:"
    for began, ended in trend.services[-3:]:
        until = f"to {ended.day}" if ended is not None else "and still"
        yield f"under service from {began.day} {until}: {began.text}"


def summary(trend: Trend) -> Sequence[str]:
    """All sentences, in order."""
    return [
        span(trend),
        *services(trend),
        *chart(trend.epochs[-1], trend.quantity.unit),
        *drift(trend),
        *trend_opinions.words(trend),
    ]
