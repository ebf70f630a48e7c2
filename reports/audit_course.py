"""The course of one number over twelve months, as small as a word; what was no pass keeps the shape of its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

from qa.audit_quantities import Past
from reports.shapes import Canvas, Drawn, path, symbol
from reports.style import MUTED, RULE, SERIES

HIGH, LOW = 17.0, 9.5  # points, beside a text of several lines and of one
FAR = 2.0  # of the values' own span: a limit further away would flatten them, and is not drawn
CROWDED = 60  # points beyond which the dots are smaller
Ends = tuple[float, float]


def course(past: Sequence[Past], since: date, last: date, limit: Ends | None, width: float, high: float = HIGH) -> Drawn:
    """The numbers from ``since`` to ``last``; the ends of ``limit`` dashed where they are near; ``high`` points high."""
    least, most = _range([one.value for one in past], limit)
    begin = datetime.combine(since, time())
    whole = (datetime.combine(last, time(23, 59)) - begin).total_seconds()

    def x(at: datetime) -> float:
        return 2 + (width - 4) * (at - begin).total_seconds() / whole

    def y(value: float) -> float:
        return 2.5 + (high - 5) * (value - least) / (most - least)

    def paint(canvas: Canvas) -> None:
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.4)
        canvas.line(0, 0, width, 0)
        canvas.setStrokeColor(MUTED)
        canvas.setDash([2, 1.5])
        for end in limit or ():
            if least <= end <= most:
                canvas.line(0, y(end), width, y(end))
        canvas.setDash([])
        at = [(x(one.at), y(one.value)) for one in past]
        canvas.setStrokeColor(SERIES[0])
        canvas.setLineWidth(0.5)
        if len(at) > 1:
            path(canvas, at)
        canvas.setFillColor(SERIES[0])
        half = 0.5 if len(past) > CROWDED else 0.8
        for (across, up), one in zip(at, past, strict=True):
            if one.outside is None:
                canvas.rect(round(across - half, 1), round(up - half, 1), 2 * half, 2 * half, stroke=0, fill=1)
        for (across, up), one in zip(at, past, strict=True):
            if one.outside is not None:
                symbol(canvas, one.outside, across, up, 4.5)

    return Drawn(width, high, paint)


def _range(values: Sequence[float], limit: Ends | None) -> Ends:
    """What is drawn: the values, and the ends of the limit that are near them."""
    low, high = min(values), max(values)
    near = FAR * max(high - low, max(abs(low), abs(high)) * 0.1)
    for end in limit or ():
        if low - near <= end <= high + near:
            low, high = min(low, end), max(high, end)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        return low - 1, high + 1
    return low, high
