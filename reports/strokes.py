"""What is drawn on a canvas: lines, text, and a shape for each outcome.

Each outcome is read without colour: circle-tick, triangle-mark, diamond-dash, two steps, octagon-cross.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from reportlab.lib.colors import Color

from qa.limit import Outcome
from reports.ink import FACES, FONT, INK, MUTED, WHITE

Canvas = Any  # reportlab carries no types
Point = tuple[float, float]


@dataclass(frozen=True)
class Picture:
    """A picture of known size in points; ``paint(canvas)`` draws it with the origin at its lower left corner."""

    width: float
    height: float
    paint: Callable[[Canvas], None]


def outline(canvas: Canvas, points: Iterable[Point], close: bool = False) -> Any:
    """A polyline through the points, to be drawn by ``drawPath``, to a hundredth of a point."""
    line = canvas.beginPath()
    for n, (x, y) in enumerate(points):
        (line.lineTo if n else line.moveTo)(round(x, 2), round(y, 2))
    if close:
        line.close()
    return line


def path(canvas: Canvas, points: Iterable[Point], close: bool = False, fill: int = 0, stroke: int = 1) -> None:
    """A polyline through the points, drawn."""
    canvas.drawPath(outline(canvas, points, close), stroke=stroke, fill=fill)


def discs(canvas: Canvas, centres: Iterable[Point], radius: float) -> None:
    """Circles of that radius, stroked and filled, a later one over an earlier one; a page is told the numbers of a circle once only."""
    if not hasattr(canvas, "translate"):
        for x, y in centres:
            canvas.circle(x, y, radius, stroke=1, fill=1)
        return
    line, before = canvas.beginPath(), (0.0, 0.0)
    line.circle(0, 0, radius)
    canvas.saveState()
    for x, y in centres:
        step = round(x - before[0], 3), round(y - before[1], 3)
        canvas.translate(*step)
        canvas.drawPath(line, stroke=1, fill=1)
        before = before[0] + step[0], before[1] + step[1]  # as rounded: what is rounded away does not add up
    canvas.restoreState()


def corners(count: int, x: float, y: float, radius: float, turn: float) -> list[Point]:
    """The corners of a regular polygon, the first one at ``turn`` degrees."""
    angles = [math.radians(turn + 360 * n / count) for n in range(count)]
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]


def symbol(canvas: Canvas, outcome: Outcome | None, x: float, y: float, size: float) -> None:
    """The shape of an outcome, white sign on its colour, centred on (x, y); None, "not judged", is an empty dashed square."""
    r = size / 2
    canvas.saveState()
    if outcome is None:
        canvas.setStrokeColor(MUTED)
        canvas.setLineWidth(size / 16)
        canvas.setDash(size / 8, size / 12)
        path(canvas, corners(4, x, y, r * 1.15, 45), close=True)
        canvas.restoreState()
        return
    canvas.setFillColor(FACES[outcome].colour)
    canvas.setStrokeColor(WHITE)
    canvas.setLineWidth(size * 0.12)
    canvas.setLineCap(1)
    canvas.setLineJoin(1)
    if outcome is Outcome.PASS:
        canvas.circle(x, y, r, stroke=0, fill=1)
        path(canvas, [(x - 0.45 * r, y), (x - 0.1 * r, y - 0.38 * r), (x + 0.48 * r, y + 0.38 * r)])
    elif outcome is Outcome.INDETERMINATE:
        path(canvas, corners(3, x, y - 0.16 * r, r * 1.16, 90), close=True, fill=1, stroke=0)
        canvas.line(x, y + 0.42 * r, x, y - 0.12 * r)
        canvas.setFillColor(WHITE)
        canvas.circle(x, y - 0.45 * r, size * 0.07, stroke=0, fill=1)
    elif outcome is Outcome.NOT_MEASURED:
        path(canvas, corners(4, x, y, r * 1.08, 0), close=True, fill=1, stroke=0)
        canvas.line(x - 0.42 * r, y, x + 0.42 * r, y)
    elif outcome is Outcome.DISAGREEMENT:  # two that should be level are not
        canvas.rect(x - r, y - 0.35 * r, 0.88 * r, 1.35 * r, stroke=0, fill=1)
        canvas.rect(x + 0.12 * r, y - r, 0.88 * r, 1.35 * r, stroke=0, fill=1)
    else:
        path(canvas, corners(8, x, y, r * 1.05, 22.5), close=True, fill=1, stroke=0)
        for s in (1, -1):
            canvas.line(x - 0.4 * r, y - s * 0.4 * r, x + 0.4 * r, y + s * 0.4 * r)
    canvas.restoreState()


def write(canvas: Canvas, text: str, x: float, y: float, size: float, font: str = FONT, colour: Color = INK, anchor: str = "left") -> None:
    """One line of text on the canvas; ``anchor`` is left, right or centre."""
    canvas.setFont(font, size)
    canvas.setFillColor(colour)
    {"left": canvas.drawString, "right": canvas.drawRightString, "centre": canvas.drawCentredString}[anchor](x, y, text)
