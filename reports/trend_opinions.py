"""What other programs say of a trend's quantity: listed, drawn and written apart from our points, in no chart and no forecast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from qa import opinions
from qa.imported import Opinion
from qa.trend import Trend
from reports import date_axis, numbers
from reports.axes import Axes
from reports.ink import INK, WHITE
from reports.strokes import Canvas, corners, path

SHORT = {"Varian MPC": "MPC"}
STATED_WELL = "pass"  # as the other program writes it; any other word is drawn full
HEAD = ("taken (UTC)", "said by", "its name", "value", "its threshold", "its verdict", "import")
_ENDS = ("unit", "its clock", "clock read in", "serial", "check", "SHA-256 of its file")


def shown(trend: Trend) -> tuple[Opinion, ...]:
    """Those in the unit of the trend."""
    return tuple(one for one in trend.opinions if one.unit == trend.quantity.unit)


def words(trend: Trend) -> Iterator[str]:
    """Who said how much of it, what the verdicts were, and in what those numbers differ from ours."""
    said = shown(trend)
    for source in sorted({one.of.source for one in said}):
        own = [one for one in said if one.of.source == source]
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(Counter(one.verdict for one in own).items()))
        days = f"{own[0].of.taken.astimezone(UTC):%Y-%m-%d} to {own[-1].of.taken.astimezone(UTC):%Y-%m-%d}"
        name = f"{SHORT.get(source, source)}, a second opinion that is in no chart and no forecast"
        yield f"{name}: {len(own)} from {days}, its verdicts {verdicts}{_odd(own)}; {opinions.differs(trend.quantity.key)}"


def _odd(said: Sequence[Opinion]) -> str:
    """Passes beyond the threshold that is stated beside them: neither is put right, both are kept."""
    odd = [one for one in said if one.threshold and abs(one.number) > float(one.threshold) and one.verdict.casefold() == STATED_WELL]
    imports = ", ".join(dict.fromkeys(str(one.of.number) for one in odd))
    return f" ({len(odd)} of them a pass with a value beyond its own threshold: import {imports})" if odd else ""


def rows(trend: Trend) -> Iterator[tuple[str, ...]]:
    """Every one, the one taken first first, in that program's own characters."""
    for one in shown(trend):
        value, threshold = (numbers.with_unit(text, one.unit) if text else "none stated" for text in (one.value, one.threshold))
        who = SHORT.get(one.of.source, one.of.source)
        yield _minute(one.of.taken), who, one.name, value, threshold, one.verdict, str(one.of.number)


def table(trend: Trend) -> Iterator[tuple[str, ...]]:
    """The same for a spreadsheet with its header, a unit in a column of its own, and where each is from; nothing where there is none."""
    said = shown(trend)
    if said:
        yield (*HEAD, *_ENDS)
    for one in said:
        of = one.of
        own = of.taken.isoformat(), of.source, one.name, one.value, one.threshold, one.verdict, str(of.number)
        yield (*own, one.unit, of.clock, of.zone, of.serial, of.name, of.sha256)


def days(trend: Trend) -> list[float]:
    """When they were taken, on the axis of time."""
    return [date_axis.days(one.of.taken) for one in shown(trend)]


def heights(trend: Trend) -> list[float]:
    """Their values and thresholds, on the axis of values."""
    return [float(text) for one in shown(trend) for text in (one.value, one.threshold) if text]


def draw(canvas: Canvas, frame: Axes, trend: Trend) -> None:
    """A hollow triangle on its point for each, full where its verdict is not a pass, and a stroke at its threshold."""
    for one in shown(trend):
        x = frame.x(date_axis.days(one.of.taken))
        sign(canvas, x, frame.y(one.number), one.verdict.casefold() != STATED_WELL)
        if one.threshold:
            stroke(canvas, x, frame.y(float(one.threshold)))


def sign(canvas: Canvas, x: float, y: float, full: bool) -> None:
    """One of them."""
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.7)
    canvas.setFillColor(INK if full else WHITE)
    path(canvas, corners(3, x, y, 2.8, 270), close=True, fill=1)


def stroke(canvas: Canvas, x: float, y: float) -> None:
    """Its threshold."""
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.7)
    canvas.line(x - 3, y, x + 3, y)


def _minute(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"
