"""Pictures in the flow of a page, and the shape of an outcome beside a text; what they are drawn with is in ``reports/strokes.py``."""

from __future__ import annotations

from collections.abc import Callable

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from qa.limit import Outcome
from reports.ink import BOLD, FACES, FONT, MUTED
from reports.strokes import Canvas, Point, corners, discs, outline, path, symbol, write

# What is drawn with goes on from here, with what follows, to all that is laid out in pages.
__all__ = [
    "Canvas",
    "Point",
    "corners",
    "discs",
    "outline",
    "path",
    "symbol",
    "write",
]


class Drawn(Flowable):  # type: ignore[misc]
    """A picture of known size in the flow of the page; ``paint(canvas)`` draws it with the origin at its lower left corner."""

    def __init__(self, width: float, height: float, paint: Callable[[Canvas], None]) -> None:
        """Points, and the function that draws."""
        super().__init__()
        self.width, self.height, self.paint = width, height, paint

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        """The size does not depend on the space offered."""
        return self.width, self.height

    def draw(self) -> None:
        """Hand the canvas over."""
        self.paint(self.canv)


def tag(outcome: Outcome | None, size: float = 6.6) -> Drawn:
    """The shape and the word of an outcome, in one line of a table."""
    word, colour = (FACES[outcome].word, FACES[outcome].colour) if outcome is not None else ("no limit", MUTED)
    font = BOLD if outcome is not None else FONT

    def paint(canvas: Canvas) -> None:
        symbol(canvas, outcome, size * 0.62, size * 0.62, size * 1.25)
        write(canvas, word, size * 1.6, size * 0.28, size, font, colour)

    return Drawn(size * 1.6 + stringWidth(word, font, size), size * 1.28, paint)


def marked(outcome: Outcome, text: str, size: float) -> Drawn:
    """A short text behind the shape of its outcome, for a cell of a compact table."""

    def paint(canvas: Canvas) -> None:
        symbol(canvas, outcome, size * 0.55, size * 0.6, size * 1.1)
        write(canvas, text, size * 1.35, size * 0.28, size)

    return Drawn(size * 1.35 + stringWidth(text, FONT, size), size * 1.28, paint)
