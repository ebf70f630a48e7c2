"""A legend never hides a name: the samples flow in rows, a long name breaks into lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reportlab.pdfbase.pdfmetrics import stringWidth

from reports.ink import FONT, lines, printable
from reports.strokes import Canvas, write

SIZE = 6.2
LEADING = SIZE * 1.3
SAMPLE = 15.0
GAP = 8.0
MOST = 20  # rows, so that a picture with its legend always fits on a page


@dataclass(frozen=True)
class Item:
    """A name and the function that paints its sample, ``sample(canvas, x, y)`` from x to x + 12 at the height y."""

    name: str
    sample: Callable[[Canvas, float, float], None]


@dataclass(frozen=True)
class Legend:
    """Items placed in a given width: (item, lines of its name, x, first line), how many lines that makes, and the names beyond."""

    places: tuple[tuple[Item, tuple[str, ...], float, int], ...]
    rows: int
    left_over: tuple[str, ...] = ()

    @property
    def height(self) -> float:
        """Points from the top of the first line to the bottom of the last."""
        return self.rows * LEADING

    def draw(self, canvas: Canvas, left: float, top: float) -> None:
        """Samples and names, hanging from ``top``."""
        for item, text, x, row in self.places:
            y = top - (row + 1) * LEADING + 0.3 * SIZE
            item.sample(canvas, left + x, y + 0.35 * SIZE)
            for n, line in enumerate(text):
                write(canvas, line, left + x + SAMPLE, y - n * LEADING, SIZE)


def place(items: Sequence[Item], width: float) -> Legend:
    """Fill rows from left to right; a name wider than a row takes several. Names beyond ``MOST`` rows are left over for the note."""
    places: list[tuple[Item, tuple[str, ...], float, int]] = []
    column = _column(items, width)
    x, row, used = 0.0, 0, 0
    for number, item in enumerate(items):
        text = tuple(lines(item.name, width - SAMPLE, SIZE))
        wide = max(column, _wide(text))
        if x > 0 and (x + wide > width or len(text) > 1):
            x, row = 0.0, row + used
            used = 0
        if row + len(text) > MOST:
            return Legend(tuple(places), row + used, tuple(item.name for item in items[number:]))
        places.append((item, text, x, row))
        used = max(used, len(text))
        x += wide + GAP
        if len(text) > 1:
            x, row, used = 0.0, row + used, 0
    return Legend(tuple(places), row + used)


def _wide(text: Iterable[str]) -> float:
    return SAMPLE + max((float(stringWidth(line, FONT, SIZE)) for line in text), default=0.0)


def _column(items: Sequence[Item], width: float) -> float:
    """The width of equal columns where at least two fit side by side, else 0."""
    widest = max((_wide([printable(item.name)]) for item in items), default=0.0)
    count = int((width + GAP) / (widest + GAP)) if widest else 0
    return min((width + GAP) / count - GAP, widest * 1.3) - 1e-6 if count > 1 else 0.0
