"""Vectors in the room from three sides, inside the tolerance circles that the record's own limits draw about the treatment isocentre."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import cos, hypot, pi, sin, sqrt

from reportlab.pdfbase.pdfmetrics import stringWidth

from qa.evidence import Arrow, Room
from reports import axes, legend
from reports.curves import marker
from reports.labels import Box, Point, inside, meet
from reports.shapes import Canvas, Drawn, path, write
from reports.style import DASHES, FONT, INK, SERIES, WHITE
from reports.tolerances import Circle

VIEWS = (  # from where, and which of x, y, z goes right and up
    ("From the foot", "x (right) / mm", "z (up) / mm", 0, 2),
    ("From above", "x (right) / mm", "y (to the gantry) / mm", 0, 1),
    ("From the side", "y (to the gantry) / mm", "z (up) / mm", 1, 2),
)
COVER = sqrt(5.991)  # standard deviations that hold 95 % of a normal vector in a plane (chi squared, 2 degrees of freedom)
GAP = 10.0
MARGIN = 1.18  # of what is to be seen: room for labels on the outermost circle
SMALL = 0.25  # of the half width: arrows that reach less far get a second row of views of their own
LEAST_MM = 0.01  # half width of a view of arrows without length
HEAD = 10.0  # points above a view, for its title
LABEL = 5.2
CORNERS = 72
RINGS: tuple[tuple[float, ...], ...] = ((), (5, 2), (1, 1.6), (7, 1.5, 1, 1.5), (3, 1), (1, 3))


def picture(room: Room, circles: Sequence[Circle], width: float) -> tuple[Drawn, tuple[str, ...]]:
    """Three views side by side (from the foot one faces the gantry), ``width`` points wide, and the names that the legend has no room for.

    The views of a row have one scale, the same on both axes. Where the arrows are small beside the circles, a second row shows them larger.
    """
    reach = max((_reach(arrow) for arrow in room.vectors), default=0.0)
    wide = MARGIN * max([reach, LEAST_MM, *(circle.radius_mm for circle in circles)])
    halves = [wide] if reach >= SMALL * wide or not room.vectors else [wide, MARGIN * max(reach, LEAST_MM)]
    key = legend.place(list(_items(room, circles)), width)
    part = (width - 2 * GAP) / 3
    frames = [_frame(half, part) for half in halves]
    heights = [below + frame.height + HEAD for frame, below in frames]

    def paint(canvas: Canvas) -> None:
        base = sum(heights) + key.height
        for n, (frame, _) in enumerate(frames):
            base -= heights[n]
            for column in range(3):
                canvas.saveState()
                canvas.translate(column * (part + GAP), base)
                _view(canvas, column, frame, room, circles, ", larger" if n else "")
                canvas.restoreState()
        key.draw(canvas, 0, key.height)

    return Drawn(width, sum(heights) + key.height + 2, paint), key.left_over


def ellipse(arrow: Arrow, i: int, j: int) -> list[Point]:
    """The outline, in mm, of where 95 % of the tips lie, seen along the third axis; a line or a point where nothing is uncertain."""
    (xx, xy), (_, yy) = ((arrow.covariance[a][i], arrow.covariance[a][j]) for a in (i, j))
    first = sqrt(max(xx, 0.0))
    slope = xy / first if first > 0 else 0.0
    rest = sqrt(max(yy - slope**2, 0.0))
    turns = [2 * pi * n / CORNERS for n in range(CORNERS)]
    x, y = arrow.tip_mm[i], arrow.tip_mm[j]
    return [(x + COVER * first * cos(t), y + COVER * (slope * cos(t) + rest * sin(t))) for t in turns]


def _reach(arrow: Arrow) -> float:
    """How far from the origin an arrow and its ellipses go, mm, in any view."""
    return max(max(abs(x), abs(y)) for _, _, _, i, j in VIEWS for x, y in ellipse(arrow, i, j))


def _frame(half: float, part: float) -> tuple[axes.Axes, float]:
    """A square plot with its origin in the middle in ``part`` points, and the points below it."""
    up = axes.scale((-half, half), VIEWS[1][2], part * 0.8, 20)
    across = axes.scale((-half, half), VIEWS[0][1], part * 0.8, 26)
    left, below = axes.beside(up), axes.below(across)
    side = part - left - 2
    return axes.Axes(left, below, side, side, (-half, half), (-half, half)), below


def _view(canvas: Canvas, column: int, frame: axes.Axes, room: Room, circles: Sequence[Circle], more: str) -> None:
    title, right, upward, i, j = VIEWS[column]
    across = axes.scale(frame.x_range, right, frame.width, 26, name_room=frame.width)
    up = axes.scale(frame.y_range, upward, frame.height, 20)
    axes.draw(canvas, frame, across, up, mesh=True)
    write(canvas, f"{title}{more}", frame.left, frame.bottom + frame.height + 3, 6.4)
    canvas.saveState()
    clip = canvas.beginPath()
    clip.rect(frame.left, frame.bottom, frame.width, frame.height)
    canvas.clipPath(clip, stroke=0, fill=0)
    for n, circle in enumerate(circles):
        _ring(canvas, n, frame.x(0), frame.y(0), circle.radius_mm * frame.width / (frame.x_range[1] - frame.x_range[0]))
    for n, arrow in enumerate(room.vectors):
        _arrow(canvas, n, (frame.x(0), frame.y(0)), (frame.x(arrow.tip_mm[i]), frame.y(arrow.tip_mm[j])))
        canvas.setStrokeColor(SERIES[n % len(SERIES)])
        canvas.setLineWidth(0.6)
        canvas.setDash(list(DASHES[n % len(DASHES)]))
        path(canvas, [(frame.x(x), frame.y(y)) for x, y in ellipse(arrow, i, j)], close=True)
        canvas.setDash([])
    canvas.restoreState()
    tips = [(frame.x(arrow.tip_mm[i]), frame.y(arrow.tip_mm[j])) for arrow in room.vectors]
    _labels(canvas, frame, circles, tips)


def _ring(canvas: Canvas, n: int, x: float, y: float, radius: float) -> None:
    """A tolerance: grey, told from the others by its dash."""
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.8)
    canvas.setDash(list(RINGS[n % len(RINGS)]))
    canvas.circle(x, y, radius, stroke=1, fill=0)
    canvas.setDash([])


def _arrow(canvas: Canvas, n: int, start: Point, end: Point) -> None:
    """A shaft with a head as long as the shaft allows, and the marker of its series at the tip."""
    canvas.setStrokeColor(SERIES[n % len(SERIES)])
    canvas.setLineWidth(1.3)
    length = hypot(end[0] - start[0], end[1] - start[1])
    path(canvas, [start, end])
    if length > 6:
        along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
        back = (end[0] - 5 * along[0], end[1] - 5 * along[1])
        barbs = [(back[0] - s * 2.2 * along[1], back[1] + s * 2.2 * along[0]) for s in (1, -1)]
        path(canvas, [barbs[0], end, barbs[1]])
    marker(canvas, n, end[0], end[1], 1.7)


def _labels(canvas: Canvas, frame: axes.Axes, circles: Sequence[Circle], tips: Sequence[Point]) -> None:
    """Each circle's words on its line, where they cover no tip and no other words; the legend has them all."""
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in tips]
    scale = frame.width / (frame.x_range[1] - frame.x_range[0])
    for circle in circles:
        width = float(stringWidth(circle.short, FONT, LABEL))
        for degrees in (90, 270, 60, 120, 240, 300, 45, 135, 225, 315):
            x = frame.x(0) + circle.radius_mm * scale * cos(degrees * pi / 180)
            y = frame.y(0) + circle.radius_mm * scale * sin(degrees * pi / 180)
            box = (x - width / 2 - 1, y - 0.55 * LABEL, x + width / 2 + 1, y + 0.65 * LABEL)
            if inside(box, frame) and not any(meet(box, other) for other in taken):
                taken.append(box)
                canvas.setFillColor(WHITE)
                canvas.rect(box[0], box[1], box[2] - box[0], box[3] - box[1], stroke=0, fill=1)
                write(canvas, circle.short, x, y - 0.35 * LABEL, LABEL, anchor="centre")
                break


def _items(room: Room, circles: Sequence[Circle]) -> Iterator[legend.Item]:
    for n, arrow in enumerate(room.vectors):
        yield legend.Item(f"{arrow.name} (with 95 % ellipse)", partial(_arrow_sample, n))
    for n, circle in enumerate(circles):
        yield legend.Item(circle.words, partial(_ring_sample, n))


def _arrow_sample(n: int, canvas: Canvas, x: float, y: float) -> None:
    _arrow(canvas, n, (x, y), (x + 11, y))


def _ring_sample(n: int, canvas: Canvas, x: float, y: float) -> None:
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.8)
    canvas.setDash(list(RINGS[n % len(RINGS)]))
    canvas.line(x, y, x + 12, y)
    canvas.setDash([])
