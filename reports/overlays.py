"""An image on the page with what was found drawn on it: one embedded bitmap, marks as vector lines, axes in millimetres."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from PIL import Image
from reportlab.lib.utils import ImageReader

from qa.evidence import Mark, Overlay
from reports import axes, labels, legend
from reports.shapes import Canvas, Drawn, Point, corners, outline, path
from reports.style import DASHES, INK, MARKS, printable

FINEST = 512  # pixels along the longer side: 240 per inch at a third of the page's width
FINEST_WIDE = 800  # and at half of it
TALLEST = 1.5  # height over width of the plot rectangle, at most
LOWEST = 45.0  # points that a picture is high at least, so that the name of its upward axis has room
POINTS = ("cross", "plus")
BIG = 0.4  # of the picture's width


def picture(overlay: Overlay, width: float, names: list[str]) -> tuple[Drawn, tuple[str, ...]]:
    """The overlay ``width`` points wide, and the names and labels that have no room; ``names`` gives each mark its look."""
    (left, right), (bottom, top) = axes.opened(overlay.extent_mm[:2]), axes.opened(overlay.extent_mm[2:])
    aspect = abs(top - bottom) / abs(right - left)
    up = axes.scale((bottom, top), overlay.axes[1], max(width * min(aspect, TALLEST) * 0.7, LOWEST), 15)
    room = width - axes.beside(up) - 5
    plot, height = min(room, room * TALLEST / aspect), min(room * aspect, room * TALLEST)
    across = axes.scale((left, right), overlay.axes[0], plot, 20, name_room=room)
    key = legend.place([_item(mark, names, overlay) for mark in _first_of_each(overlay.marks)], width - 4)
    base = axes.below(across) + key.height + 2 + max(0.0, LOWEST - height) / 2
    frame = axes.Axes(axes.beside(up) + (room - plot) / 2, base, plot, height, (left, right), (bottom, top))
    marks = [(mark, [(frame.x(x), frame.y(y)) for x, y in mark.points_mm]) for mark in overlay.marks]
    placed, homeless = _labels(marks, frame)

    def paint(canvas: Canvas) -> None:
        if overlay.grey.size:
            canvas.drawImage(_bitmap(overlay), frame.left, frame.bottom, frame.width, frame.height)
        axes.draw(canvas, frame, across, up, mesh=False)
        canvas.saveState()
        clip = canvas.beginPath()
        clip.rect(frame.left, frame.bottom, frame.width, frame.height)
        canvas.clipPath(clip, stroke=0, fill=0)
        for mark, at in marks:
            _mark(canvas, mark.kind, at, names.index(mark.name))
        for mark, box in placed:
            labels.on_image(canvas, printable(mark.label), box, MARKS[names.index(mark.name) % len(MARKS)])
        canvas.restoreState()
        key.draw(canvas, 4, key.height)

    return Drawn(width, base + max(height, (LOWEST + height) / 2) + 3, paint), (*key.left_over, *homeless)


def _labels(marks: list[tuple[Mark, list[Point]]], frame: axes.Axes) -> tuple[list[tuple[Mark, labels.Box]], list[str]]:
    """Where each label stands, outside its mark as seen from the middle of the picture; and the labels that found no place."""
    middle = (frame.left + frame.width / 2, frame.bottom + frame.height / 2)
    boxes = [labels.box_of(at, 3.6 if mark.kind in POINTS else 0.8) for mark, at in marks if at]
    drawn = [box for box in boxes if max(box[2] - box[0], box[3] - box[1]) < BIG * frame.width]  # inside a large outline there is room
    placed: list[tuple[Mark, labels.Box]] = []
    homeless = []
    for mark, at in marks:
        if mark.label and at:
            own = labels.box_of(at, 3.6 if mark.kind in POINTS else 0.8)
            places = labels.around(printable(mark.label), own, middle)
            free = labels.first_free(places, frame, [box for _, box in placed], [box for box in drawn if box != own])
            if free:
                placed.append((mark, free))
            else:
                homeless.append(f"{mark.name} {mark.label}")
    return placed, homeless


def mark_names(overlays: Iterable[Overlay]) -> list[str]:
    """The names of all marks in order of first appearance: a name keeps its look through the whole report."""
    return list(dict.fromkeys(mark.name for overlay in overlays for mark in overlay.marks))


def _bitmap(overlay: Overlay) -> ImageReader:
    image = Image.fromarray(overlay.grey)
    ratio = (FINEST_WIDE if overlay.wide else FINEST) / max(image.size)
    if ratio < 1:
        size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
        image = image.resize(size, Image.Resampling.BOX)
    return ImageReader(image)


def _first_of_each(marks: tuple[Mark, ...]) -> list[Mark]:
    return list({mark.name: mark for mark in reversed(marks)}.values())[::-1]


def _item(mark: Mark, names: list[str], overlay: Overlay) -> legend.Item:
    left, right, bottom, top = overlay.extent_mm
    points = [point for other in overlay.marks if other.name == mark.name for point in other.points_mm]
    inside = any(min(left, right) <= x <= max(left, right) and min(bottom, top) <= y <= max(bottom, top) for x, y in points)
    return legend.Item(mark.name if inside else f"{mark.name} (outside this picture)", partial(_sample, mark.kind, names.index(mark.name)))


def _sample(kind: str, index: int, canvas: Canvas, x: float, y: float) -> None:
    canvas.setFillColor(INK)
    canvas.rect(x, y - 3.4, 12, 6.8, stroke=0, fill=1)
    points = [(x + 6, y)] if kind in POINTS else [(x + 1, y), (x + 11, y)]
    _mark(canvas, "line" if kind == "outline" else kind, points, index, size=2.6)


def _mark(canvas: Canvas, kind: str, points: list[tuple[float, float]], index: int, size: float = 3.6) -> None:
    """Light on a dark halo, so that it shows on any grey; beyond colour, names differ by dash or by a ring, box or diamond around."""
    line = outline(canvas, points, close=kind == "outline")
    for colour, width, dash in ((INK, 1.7, ()), (MARKS[index % len(MARKS)], 0.75, DASHES[index % len(DASHES)])):
        canvas.setStrokeColor(colour)
        canvas.setLineWidth(width)
        if kind in POINTS:
            for x, y in points:
                _point(canvas, kind, x, y, size, index)
        else:
            canvas.setDash(list(dash))
            canvas.drawPath(line)
            canvas.setDash([])


def _point(canvas: Canvas, kind: str, x: float, y: float, size: float, index: int) -> None:
    reach = size * 0.72
    if kind == "cross":
        canvas.line(x - reach, y - reach, x + reach, y + reach)
        canvas.line(x - reach, y + reach, x + reach, y - reach)
    else:
        canvas.line(x - size, y, x + size, y)
        canvas.line(x, y - size, x, y + size)
    around = (index // 2) % 4
    if around == 1:
        canvas.circle(x, y, size, stroke=1, fill=0)
    elif around > 1:
        path(canvas, corners(4, x, y, size * 1.2, 45 if around == 2 else 0), close=True)
