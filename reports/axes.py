"""A pair of axes drawn straight onto the page: round ticks, units in the names, and room for every label."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reportlab.pdfbase.pdfmetrics import stringWidth

from reports.ink import FONT, INK, MUTED, RULE, lines
from reports.strokes import Canvas, write

TICK_SIZE = 5.6
NAME_SIZE = 6.2
Range = tuple[float, float]


@dataclass(frozen=True)
class Axes:
    """Where data land on the page: the plot rectangle in points, and the data values at its left, right, bottom and top edges."""

    left: float
    bottom: float
    width: float
    height: float
    x_range: Range
    y_range: Range

    def x(self, value: float) -> float:
        """The point on the page of a value on the x axis."""
        return self.left + (value - self.x_range[0]) / (self.x_range[1] - self.x_range[0]) * self.width

    def y(self, value: float) -> float:
        """The point on the page of a value on the y axis."""
        return self.bottom + (value - self.y_range[0]) / (self.y_range[1] - self.y_range[0]) * self.height


@dataclass(frozen=True)
class Scale:
    """The ticks of one axis with their labels, and the name broken into lines."""

    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    name: tuple[str, ...]

    @property
    def label_width(self) -> float:
        """Points that the widest tick label takes."""
        return max((float(stringWidth(text, FONT, TICK_SIZE)) for text in self.labels), default=0.0)

    @property
    def name_height(self) -> float:
        """Points that the name takes across."""
        return len(self.name) * NAME_SIZE * 1.2


def scale(limits: Range, name: str, length: float, room: float, name_room: float = 0.0) -> Scale:
    """Ticks on round numbers no denser than one per ``room`` points along ``length``; the name may be longer where it has room."""
    low, high = min(limits), max(limits)
    step = _step((high - low) / max(2.0, length / room), angle="deg" in name or "°" in name)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(n * step if n else 0.0 for n in range(first, last + 1))
    labels = tuple(format(tick, _form(step, max(abs(low), abs(high)))) for tick in ticks)
    return Scale(ticks, labels, tuple(lines(name, max(length, name_room), NAME_SIZE)))


def padded(values: list[float], part: float = 0.06) -> Range:
    """The range of the values with a margin; a single value gets a range around it."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    low, high = opened((low, high))
    return low - part * (high - low), high + part * (high - low)


def opened(limits: Range) -> Range:
    """The limits, or a range around them when they are one and the same number."""
    low, high = limits
    if abs(high - low) > 1e-9 * max(abs(low), abs(high)):
        return limits
    spread = abs(low) * 0.1 or 1.0
    return low - spread, low + spread


def draw(canvas: Canvas, axes: Axes, across: Scale, up: Scale, mesh: bool) -> None:
    """Frame, ticks, labels and names; ``mesh`` draws light lines at the ticks (not over an image)."""
    canvas.setLineWidth(0.3)
    bottom, left = axes.bottom, axes.left
    for tick, label in zip(across.ticks, across.labels, strict=True):
        x = axes.x(tick)
        _rule(canvas, (x, bottom, x, bottom + axes.height), mesh, tick == 0)
        canvas.setStrokeColor(MUTED)
        canvas.line(x, bottom, x, bottom - 2)
        write(canvas, label, x, bottom - 3 - TICK_SIZE * 0.8, TICK_SIZE, colour=MUTED, anchor="centre")
    for tick, label in zip(up.ticks, up.labels, strict=True):
        y = axes.y(tick)
        _rule(canvas, (left, y, left + axes.width, y), mesh, tick == 0)
        canvas.setStrokeColor(MUTED)
        canvas.line(left, y, left - 2, y)
        write(canvas, label, left - 3, y - TICK_SIZE * 0.35, TICK_SIZE, colour=MUTED, anchor="right")
    canvas.setStrokeColor(MUTED)
    canvas.setLineWidth(0.5)
    canvas.rect(left, bottom, axes.width, axes.height, stroke=1, fill=0)
    for n, line in enumerate(across.name):
        y = bottom - 3 - TICK_SIZE - NAME_SIZE * (1.2 * n + 1.0)
        write(canvas, line, left + axes.width / 2, y, NAME_SIZE, colour=INK, anchor="centre")
    canvas.saveState()
    canvas.rotate(90)
    for n, line in enumerate(reversed(up.name)):
        y = left - 5 - up.label_width - NAME_SIZE * 1.2 * n - 1
        write(canvas, line, bottom + axes.height / 2, -y, NAME_SIZE, colour=INK, anchor="centre")
    canvas.restoreState()


def below(across: Scale) -> float:
    """Points that labels and name take below the plot rectangle."""
    return 3 + TICK_SIZE + across.name_height + 2


def beside(up: Scale) -> float:
    """Points that labels and name take left of the plot rectangle."""
    return 6 + up.label_width + up.name_height


def _rule(canvas: Canvas, ends: tuple[float, float, float, float], mesh: bool, zero: bool) -> None:
    if mesh:
        canvas.setStrokeColor(MUTED if zero else RULE)
        canvas.line(*ends)


def _step(rough: float, angle: bool) -> float:
    """The next round step: 1, 2, 2.5, 5 times a power of ten; along angles 15, 30, 45, 90 degrees."""
    if angle and 10 < rough <= 180:
        return next(step for step in (15.0, 30.0, 45.0, 90.0, 180.0) if step >= rough)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= rough * (1 - 1e-9))


def _form(step: float, largest: float) -> str:
    """The format in which neighbouring ticks differ: plain decimals, powers of ten only beyond a million or below 0.00001."""
    power = math.floor(math.log10(step) + 1e-9)
    last = power - (round(step / 10.0**power, 6) == 2.5)
    if largest >= 1e6 or last < -6:
        return f".{max(1, math.floor(math.log10(largest)) - last + 1)}g"
    return f".{max(0, -last)}f"
