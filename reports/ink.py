"""What every picture and page has in common: palette, embedded fonts, lines of text, and what each outcome is called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from qa.limit import Outcome
from qa.reading import QaError

FONT, BOLD = "DejaVuSans", "DejaVuSans-Bold"

INK, MUTED, RULE, PANEL, WHITE = (HexColor(c) for c in ("#1c2733", "#566370", "#cbd3da", "#f3f5f7", "#ffffff"))

# Okabe-Ito colours: told apart with the common colour-vision deficiencies; shape or dash always differs too.
SERIES = tuple(HexColor(c) for c in ("#0072b2", "#d55e00", "#009e73", "#aa4488", "#1c2733", "#e69f00", "#56b4e9"))
MARKS = tuple(HexColor(c) for c in ("#ffb000", "#4fc3ff", "#7dff8a", "#ff7ad9", "#fff44f", "#ffffff"))
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.5), (1.2, 1.2), (5, 1.2, 1.2, 1.2), (8, 2), (2.5, 1))


@dataclass(frozen=True)
class Face:
    """How an outcome looks and reads: the physicist's word, colours, and what to do next."""

    word: str
    colour: Color
    tint: Color
    todo: str


FACES = {
    Outcome.PASS: Face("PASS", HexColor("#14734f"), HexColor("#e9f4ef"), ""),
    Outcome.INDETERMINATE: Face(
        "INDETERMINATE",
        HexColor("#955700"),
        HexColor("#fdf3e1"),
        "Repeat the measurement. If it stays undecided, ask the physicist.",
    ),
    Outcome.NOT_MEASURED: Face(
        "NOT MEASURED",
        HexColor("#46566b"),
        HexColor("#eceff3"),
        "Measure what is missing, or ask the physicist. Not measured is not a pass.",
    ),
    Outcome.DISAGREEMENT: Face(
        "ENGINES DISAGREE",
        HexColor("#7a1f86"),
        HexColor("#f7ecf9"),
        "Stop and ask the physicist: two programs read the same images differently, so repeating does not decide.",
    ),
    Outcome.FAIL: Face(
        "FAIL",
        HexColor("#a81e22"),
        HexColor("#fbeaea"),
        "Stop. No {techniques} treatment before the physicist has cleared it.",
    ),
}


def font_folder() -> Path:
    """Where matplotlib keeps DejaVu Sans, without importing it."""
    spec = find_spec("matplotlib")
    return Path(spec.origin or "").parent / "mpl-data" / "fonts" / "ttf" if spec else Path("matplotlib")


@cache
def register_fonts() -> frozenset[int]:
    """DejaVu Sans, regular and bold, ready to be embedded; returns the code points that both can print. QaError when they are missing."""
    folder = font_folder()
    try:
        fonts = [TTFont(font, folder / f"{font}.ttf") for font in (FONT, BOLD)]
    except Exception as error:  # reportlab raises its own TTFError, the file system OSError
        raise QaError(f"the report needs the font DejaVu Sans from matplotlib at {folder}: reinstall matplotlib ({error})") from error
    for font in fonts:
        pdfmetrics.registerFont(font)
        pdfmetrics.registerFontFamily(font.fontName, font.fontName, BOLD, font.fontName, BOLD)
    return frozenset(fonts[0].face.charToGlyph) & frozenset(fonts[1].face.charToGlyph)


def printable(text: str) -> str:
    """The text with every character that the font lacks spelled as its code point: <U+738B>, never an empty box."""
    if text.isascii() and text.isprintable():
        return text
    known = register_fonts()
    return "".join(c if c == " " or (ord(c) in known and c.isprintable()) else " " if c.isspace() else f"<U+{ord(c):04X}>" for c in text)


def lines(text: str, width: float, size: float, font: str = FONT) -> list[str]:
    """Printable text broken into lines no wider than ``width`` points, inside a word where a word alone is wider."""
    done: list[str] = []
    line = ""
    for word in printable(text).split():
        candidate = f"{line} {word}" if line else word
        if pdfmetrics.stringWidth(candidate, font, size) <= width:
            line = candidate
            continue
        if line:
            done.append(line)
        *whole, line = _pieces(word, width, size, font)
        done += whole
    return [*done, line] if line else done


def _pieces(word: str, width: float, size: float, font: str) -> list[str]:
    """A word cut where the next character would not fit; one piece at least, one character each at least."""
    pieces, used = [""], 0.0
    for character in word:
        wide = float(pdfmetrics.stringWidth(character, font, size))
        if pieces[-1] and used + wide > width:
            pieces.append("")
            used = 0.0
        pieces[-1] += character
        used += wide
    return pieces
