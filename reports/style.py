"""One look for every page of a report: its size, its paragraph styles, and the ink of ``reports/ink.py``."""

from __future__ import annotations

from xml.sax.saxutils import escape

from reportlab.lib.colors import Color
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph

from reports.ink import BOLD, DASHES, FACES, FONT, INK, MARKS, MUTED, PANEL, RULE, SERIES, WHITE, Face, lines, printable, register_fonts

# The ink goes on from here, with what follows, to all that is laid out in pages.
__all__ = [
    "BOLD",
    "DASHES",
    "FACES",
    "FONT",
    "INK",
    "MARKS",
    "MUTED",
    "PANEL",
    "RULE",
    "SERIES",
    "WHITE",
    "Face",
    "lines",
    "printable",
    "register_fonts",
]

MARGIN = 17 * mm
WIDTH = 210 * mm - 2 * MARGIN


def _style(size: float, font: str = FONT, colour: Color = INK, before: float = 0, after: float = 0, **more: float) -> ParagraphStyle:
    return ParagraphStyle(
        f"{font} {size:g} {colour.hexval()}",
        fontName=font,
        fontSize=size,
        leading=size * 1.28,
        textColor=colour,
        spaceBefore=before,
        spaceAfter=after,
        **more,
    )


TITLE = _style(19, BOLD, after=1)
HEADING = _style(11.5, BOLD, before=13, after=4)
SMALL_HEADING = _style(8.5, BOLD, before=7, after=3)
BODY = _style(8, after=3)
STRONG = _style(8, BOLD)
CELL = _style(7)
CELL_STRONG = _style(7, BOLD)
CELL_MUTED = _style(6.2, colour=MUTED)
HEAD = _style(6.4, BOLD, MUTED)
HEAD_RIGHT = _style(6.4, BOLD, MUTED, alignment=TA_RIGHT)
FIGURE_TITLE = _style(7, BOLD)
FIGURE_NOTE = _style(6.4, colour=MUTED)


def markup(text: str) -> str:
    """Text made safe for a paragraph: printable and escaped."""
    return escape(printable(text))


def paragraph(text: str, style: ParagraphStyle = CELL) -> Paragraph:
    """Plain text that wraps; nothing in it is read as markup."""
    return Paragraph(markup(text), style)
