"""Words inside a picture: each where it covers neither other words nor, if possible, what is drawn; what finds no place is handed back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import atan2, cos, hypot, pi, sin

from reportlab.pdfbase.pdfmetrics import stringWidth

from reports.axes import Axes
from reports.ink import FONT, INK, WHITE
from reports.strokes import Canvas, write

SIZE = 5.0
AWAY = 1.6  # points between a mark and its label
TALL, STEPS = 5.0, 4  # times a label's height; how many labels of neighbours may stand one below the other
LEAN = 4.0  # points: what is leaner is a line, and has no inside
DARK = 0.55  # opacity behind light words on an image
Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, right, top


def meet(one: Box, other: Box) -> bool:
    """Whether two boxes overlap."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def inside(box: Box, frame: Axes) -> bool:
    """Whether a box lies inside the plot rectangle."""
    right, top = frame.left + frame.width, frame.bottom + frame.height
    return frame.left < box[0] and box[2] < right and frame.bottom < box[1] and box[3] < top


def box_of(points: Iterable[Point], margin: float = 0.0) -> Box:
    """The upright box round some points."""
    xs, ys = zip(*points, strict=True)
    return min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin


def first_free(boxes: Iterable[Box], frame: Axes, words: Sequence[Box], drawn: Sequence[Box] = ()) -> Box | None:
    """The first box inside the frame that meets no words and nothing drawn, else the first that meets no words; None without one."""
    second: Box | None = None
    for box in boxes:
        if inside(box, frame) and not any(meet(box, other) for other in words):
            if not any(meet(box, other) for other in drawn):
                return box
            second = second or box
    return second


def around(text: str, mark: Box, middle: Point, size: float = SIZE) -> list[Box]:
    """Places beside a mark, those that point away from ``middle`` first; last the mark's own middle, where it is wide enough.

    A tall mark has its label inside, near its top: beside it, it would seem to be the neighbour's.
    """
    wide, high = float(stringWidth(text, FONT, size)) + 1.6, size * 1.15
    x, y = (mark[0] + mark[2]) / 2, (mark[1] + mark[3]) / 2
    outward = atan2(y - middle[1], x - middle[0]) if hypot(y - middle[1], x - middle[0]) > 1 else -pi / 2
    boxes: list[Box] = []
    if mark[3] - mark[1] > TALL * high and mark[2] - mark[0] > LEAN:
        tops = [mark[3] - AWAY - 1.2 * high * n for n in range(STEPS)]
        boxes += [(x - wide / 2, top - high, x + wide / 2, top) for top in tops]
    for eighth in (0, 1, -1, 2, -2, 3, -3, 4):
        turn = (round(outward / (pi / 4)) + eighth) * pi / 4
        across = x + round(cos(turn)) * ((mark[2] - mark[0]) / 2 + AWAY + wide / 2)
        up = y + round(sin(turn)) * ((mark[3] - mark[1]) / 2 + AWAY + high / 2)
        boxes.append((across - wide / 2, up - high / 2, across + wide / 2, up + high / 2))
    if mark[2] - mark[0] > wide * 1.3 and mark[3] - mark[1] > high * 1.3:
        boxes.append((x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
    return boxes


def on_image(canvas: Canvas, text: str, box: Box, colour: object, size: float = SIZE) -> None:
    """Light words on a dark veil, which shows them on any grey."""
    canvas.saveState()
    canvas.setFillColor(INK)
    canvas.setFillAlpha(DARK)
    canvas.roundRect(box[0], box[1], box[2] - box[0], box[3] - box[1], 1, stroke=0, fill=1)
    canvas.restoreState()
    write(canvas, text, (box[0] + box[2]) / 2, box[1] + size * 0.25, size, colour=colour, anchor="centre")


def on_paper(canvas: Canvas, text: str, box: Box, size: float = SIZE) -> None:
    """Words on a white patch; in an upright box they run upwards."""
    canvas.saveState()
    canvas.setFillColor(WHITE)
    canvas.rect(box[0], box[1], box[2] - box[0], box[3] - box[1], stroke=0, fill=1)
    if box[3] - box[1] > box[2] - box[0]:
        canvas.rotate(90)
        write(canvas, text, (box[1] + box[3]) / 2, -(box[0] + box[2]) / 2 - size * 0.35, size, anchor="centre")
    else:
        write(canvas, text, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2 - size * 0.35, size, anchor="centre")
    canvas.restoreState()
