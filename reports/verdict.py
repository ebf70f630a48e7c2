"""The verdict at a glance: one box per technique with GO, REPEAT or STOP as word, shape and colour; no limit never looks like a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.lib.colors import Color
from reportlab.platypus import Flowable, Table

from qa.limit import Judgement, Outcome
from qa.protocol import verdicts
from qa.record import Record
from reports import engines, numbers
from reports.index import again
from reports.page import banner
from reports.shapes import Canvas, Drawn, symbol, write
from reports.style import BOLD, CELL_STRONG, FACES, FONT, HEAD, MUTED, PANEL, STRONG, WIDTH, lines, paragraph
from reports.tables import flowing, grid

ACROSS = 3
GAP = 8.0
SIGN = 36.0  # points that the shape of the verdict is wide
INSET = SIGN + 22.0
NO_LIMIT = "No limit of this protocol covers this procedure: the numbers below are not judged. This is not a pass."
NO_TECHNIQUE = "No limit of this protocol names a technique: there is no verdict per technique. This is not a pass."


@dataclass(frozen=True)
class Box:
    """What one verdict box says."""

    outcome: Outcome | None
    above: str
    word: str
    below: str


def opening(record: Record) -> list[Flowable]:
    """The head of page 1: title, particulars, verdict boxes."""
    found = verdicts(record.judgements)
    if found:
        boxes = [_box(technique, outcome, record.judgements) for technique, outcome in found.items()]
    else:
        boxes = [Box(None, "No verdict", "NOT JUDGED", NO_TECHNIQUE if record.judgements else NO_LIMIT)]
    across = 2 if len(boxes) in (2, 4) else min(len(boxes), ACROSS)
    rows = [boxes[n : n + across] for n in range(0, len(boxes), across)]
    return [banner(record), _particulars(record), *_again(record), *(boxes_row(row, across) for row in rows), *engines.warning(record)]


def _again(record: Record) -> list[Flowable]:
    """Before any verdict, that nothing was measured for it, and how it came out before."""
    words = again(record)
    row = [paragraph("JUDGED AGAIN", STRONG), paragraph(words, CELL_STRONG)]
    return [grid(("", ""), [row], (WIDTH * 0.2, WIDTH * 0.8))] if words else []


def _particulars(record: Record) -> Table:
    """Who, what, when and by which rule, as pairs of a small label and its value."""
    used = sum(entry.used for entry in record.inputs)
    left_out = len(record.inputs) - used
    pairs = [
        ("Machine", record.machine),
        ("Acquired", numbers.moment(record.acquired)),
        ("Protocol", f"{record.protocol_title} ({record.protocol})"),
        ("Phantom", record.phantom),
        ("Analysed", numbers.moment(record.analysed)),
        ("Decision rule", f"a limit is met when |value| + k·u is inside it, k = {record.coverage_factor:g}"),
        ("Performed by", record.performer),
        ("Files", f"{used} used, {left_out} left out"),
        ("Record", record.record_id),
    ]
    cells = [[paragraph(label, HEAD), paragraph(value or "not stated", CELL_STRONG)] for label, value in pairs]
    rules = [
        ("FONTNAME", (0, 0), (-1, -1), FONT),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 10),
    ]
    rules += [("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 3)]
    widths = [WIDTH * part for part in (0.27, 0.27, 0.46)]
    rows = [cells[n : n + 3] for n in range(0, len(cells), 3)]
    return flowing(Table(rows, colWidths=widths, style=rules, spaceBefore=6, spaceAfter=8))


def _box(technique: str, outcome: Outcome, judgements: Sequence[Judgement]) -> Box:
    counts = Counter(judgement.outcome for judgement in judgements if technique in judgement.limit.techniques)
    worst_first = ", ".join(f"{count} {FACES[found].word.lower()}" for found, count in sorted(counts.items(), reverse=True))
    limits = {judgement.limit for judgement in judgements if technique in judgement.limit.techniques}
    doubtful = sum(not limit.confirmed for limit in limits)
    warning = f"|{doubtful} of {len(limits)} limits unconfirmed" if doubtful else ""
    return Box(outcome, numbers.technique(technique), outcome.word, f"{FACES[outcome].word}|judged: {worst_first}{warning}")


def boxes_row(row: Sequence[Box], across: int) -> Drawn:
    """A row of boxes of one height, whatever the length of their names."""
    width = (WIDTH - GAP * (across - 1)) / across
    above = [lines(box.above, width - INSET - 6, 9, BOLD) for box in row]
    below = [[line for part in box.below.split("|") for line in lines(part, width - INSET - 6, 7.2)] for box in row]
    tallest = max(len(a) * 11.5 + 25 + len(b) * 9.6 for a, b in zip(above, below, strict=True))
    height = max(tallest + 14, SIGN + 20)

    def paint(canvas: Canvas) -> None:
        for n, box in enumerate(row):
            _paint(canvas, box, n * (width + GAP), width, height, above[n], below[n])

    return Drawn(WIDTH, height + GAP, paint)


def _paint(canvas: Canvas, box: Box, left: float, width: float, height: float, above: list[str], below: list[str]) -> None:
    colour, tint = _colours(box.outcome)
    bottom = GAP
    canvas.setFillColor(tint)
    canvas.setStrokeColor(colour)
    canvas.setLineWidth(1.3)
    canvas.roundRect(left + 0.7, bottom, width - 1.4, height, 4, stroke=1, fill=1)
    symbol(canvas, box.outcome, left + 10 + SIGN / 2, bottom + height / 2, SIGN)
    x, y = left + INSET, bottom + height - 16
    for line in above:
        write(canvas, line, x, y, 9, BOLD)
        y -= 11.5
    y -= 11
    write(canvas, box.word, x, y, 22, BOLD, colour)
    y -= 13
    for n, line in enumerate(below):
        write(canvas, line, x, y, 7.2, BOLD if n == 0 and box.outcome is not None else FONT)
        y -= 9.6


def _colours(outcome: Outcome | None) -> tuple[Color, Color]:
    return (MUTED, PANEL) if outcome is None else (FACES[outcome].colour, FACES[outcome].tint)
