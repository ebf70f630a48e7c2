"""The frame of every page: A4, a running head, the record id and "page x of y"; the first page keeps room for the signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, KeepTogether, PageTemplate

import qa
from qa.record import Record
from reports import numbers
from reports.attached import attach, contents
from reports.pdf_signature import ready
from reports.shapes import Canvas, Drawn, path, write
from reports.style import BOLD, FONT, HEADING, INK, MARGIN, MUTED, PANEL, RULE, SMALL_HEADING, TITLE, WIDTH, lines, paragraph, printable

if TYPE_CHECKING:
    from qa.standing import Standing

HEIGHT = A4[1]
FOOT = 16 * mm
SIGNATURE = 27 * mm
ROOM: float = 75 * mm  # most that a section heading asks for: the first row of pictures under it, so that it never stands alone
NUMBER_WIDTH = 90.0
DISCLAIMER = "Not a medical device. This report counts only after review by a qualified medical physicist."


def title(record: Record) -> str:
    """What the report is of, in words."""
    return record.procedure_title or " ".join(word[:1].upper() + word[1:] for word in record.procedure.replace("_", " ").split())


def build(record: Record, standing: Standing, story: Sequence[Flowable]) -> bytes:
    """The story laid out and closed, with the record inside; the same record and standing give the same bytes."""
    said = {
        "title": f"{title(record)} – {record.machine} – {numbers.moment(record.acquired or record.analysed)}",
        "author": record.performer,
        "subject": f"{record.title}; record {record.record_id}",
        "keywords": f"record SHA-256 {standing.record_hash}",
    }

    def first(canvas: Canvas) -> None:
        attach(canvas, contents(record, standing))
        _signature(canvas)

    head = f"{title(record)}  ·  {record.machine}  ·  {numbers.moment(record.acquired)}"
    foot = f"record {record.record_id}  ·  SHA-256 {standing.record_hash[:16]}…"
    return laid_out([*story, Drawn(0, 0, number_pages)], said, record.analysed, head, foot, first, SIGNATURE + 1 * mm)


def laid_out(
    story: Sequence[Flowable],
    said: Mapping[str, str],
    when: datetime,
    head: str,
    foot: str,
    first: Callable[[Canvas], None],
    kept: float = 0.0,
) -> bytes:
    """The story as pages, closed. ``said`` is what the file says of itself; it is dated ``when``, so that the bytes are always the same.

    ``foot`` stands on every page, ``head`` on all but the first; on that one ``first`` draws, and ``kept`` is left free above the foot.
    """
    target = BytesIO()
    words = {name: printable(text) for name, text in said.items()}
    document = BaseDocTemplate(
        target, pagesize=A4, invariant=1, creator=f"igrtqa {qa.__version__}", lang="en", initialFontName=FONT, **words
    )

    def opening(canvas: Canvas, _document: BaseDocTemplate) -> None:
        canvas.setDateFormatter(lambda *_now: f"D:{when:%Y%m%d%H%M%S}Z")
        ready(canvas)
        first(canvas)
        _footer(canvas, foot)

    def later(canvas: Canvas, _document: BaseDocTemplate) -> None:
        _header(canvas, head)
        _footer(canvas, foot)

    base = FOOT + 2 * mm
    document.addPageTemplates(
        [
            PageTemplate("first", [_frame(base + kept, HEIGHT - 13 * mm)], onPageEnd=opening, autoNextPageTemplate="later"),
            PageTemplate("later", [_frame(base, HEIGHT - 20 * mm)], onPageEnd=later),
        ]
    )
    rl_config.useA85 = 0  # a PDF is binary anyway: the text encoding of streams would cost half the time and a quarter of the size
    document.build([*story])
    return target.getvalue()


def heading(
    text: str,
    key: str,
    under: Sequence[Flowable],
    level: int = 0,
    following: Sequence[Flowable] = (),
    seen: Callable[[int], None] = lambda number: None,
) -> list[Flowable]:
    """A section heading that is also an entry of the PDF's outline. It starts a page where there is no room for what is ``under`` it.

    ``level`` 1 is a part of the section before it. ``following`` is what stands under the heading that comes next and must not be parted
    from this one. ``seen`` is told its page.
    """

    def anchor(canvas: Canvas) -> None:
        seen(canvas.getPageNumber())
        canvas.bookmarkPage(key)
        canvas.addOutlineEntry(printable(text), key, level)

    room = _room(under) + (_room(following) if following else 0.0)
    return [CondPageBreak(room), paragraph(text, SMALL_HEADING if level else HEADING), Drawn(0, 0, anchor)]


def _room(under: Sequence[Flowable]) -> float:
    """What a heading asks for: a short section its own height, a longer one ROOM."""
    height: float = HEADING.spaceBefore + HEADING.leading + HEADING.spaceAfter
    for one in under:
        if isinstance(one, KeepTogether):
            return ROOM
        if not isinstance(one, CondPageBreak):
            height += one.getSpaceBefore() + one.wrap(WIDTH, HEIGHT)[1] + one.getSpaceAfter()
        if height >= ROOM:
            return ROOM
    return height


def small_heading(text: str) -> list[Flowable]:
    """A heading within a section; it stays with at least a few lines of what it heads."""
    return [CondPageBreak(18 * mm), paragraph(text, SMALL_HEADING)]


def banner(record: Record) -> Drawn:
    """The title at the head of page 1, what was acquired below it, and a dark rule."""
    return titled("QUALITY ASSURANCE REPORT", title(record), record.title)


def titled(kind: str, heads: str, small: str) -> Drawn:
    """The head of a first page: what kind of report, its title, what it is of."""
    text = lines(heads, WIDTH, TITLE.fontSize, BOLD)
    below = lines(small, WIDTH, 8.5)
    height = 18 + len(text) * TITLE.leading + len(below) * 11

    def paint(canvas: Canvas) -> None:
        write(canvas, f"IMAGE-GUIDED RADIOTHERAPY  ·  {kind}", 0, height - 8, 7, BOLD, MUTED)
        for n, line in enumerate(text):
            write(canvas, line, 0, height - 12 - (n + 0.8) * TITLE.leading, TITLE.fontSize, BOLD)
        for n, line in enumerate(below):
            write(canvas, line, 0, height - 12 - len(text) * TITLE.leading - 11 * (n + 0.75), 8.5, colour=MUTED)
        canvas.setStrokeColor(INK)
        canvas.setLineWidth(1.4)
        canvas.line(0, 0, WIDTH, 0)

    return Drawn(WIDTH, height, paint)


def _frame(bottom: float, top: float) -> Frame:
    """The part of a page that the story flows through, between these heights."""
    return Frame(MARGIN, bottom, WIDTH, top - bottom, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)


def _header(canvas: Canvas, words: str) -> None:
    """What the report is of, at the head of a page, in one line."""
    top = HEIGHT - 14 * mm
    first, *more = lines(words, WIDTH - 8, 7)
    write(canvas, first + (" …" if more else ""), MARGIN, top, 7, colour=MUTED)  # page 1 has it in full
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, top - 4, MARGIN + WIDTH, top - 4)


def _footer(canvas: Canvas, words: str) -> None:
    """Words at the foot of a page, and its number, which is a form that the last page fills in."""
    base = 9 * mm
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, base + 9, MARGIN + WIDTH, base + 9)
    write(canvas, printable(words), MARGIN, base, 6.5, colour=MUTED)
    canvas.saveState()
    canvas.translate(MARGIN + WIDTH - NUMBER_WIDTH, base)
    canvas.doForm(f"page-{canvas.getPageNumber()}")
    canvas.restoreState()


def number_pages(canvas: Canvas) -> None:
    """The forms that the footers call, written by the last page, which alone knows how many there are."""
    total = canvas.getPageNumber()
    for page in range(1, total + 1):
        canvas.beginForm(f"page-{page}", 0, -2, NUMBER_WIDTH, 8)
        write(canvas, f"page {page} of {total}", NUMBER_WIDTH, 0, 6.5, colour=MUTED, anchor="right")
        canvas.endForm()


def _signature(canvas: Canvas) -> None:
    """Where a qualified medical physicist signs, at the foot of page 1 whatever stands above it."""
    base = FOOT
    canvas.setFillColor(PANEL)
    canvas.rect(MARGIN, base, WIDTH, SIGNATURE, stroke=0, fill=1)
    write(canvas, DISCLAIMER, MARGIN + 8, base + SIGNATURE - 14, 7.5, BOLD)
    canvas.setStrokeColor(MUTED)
    canvas.setLineWidth(0.6)
    fields = (("Reviewed by: qualified medical physicist, name", 0.44), ("Signature", 0.34), ("Date", 0.22))
    x = MARGIN + 8
    for label, part in fields:
        width = (WIDTH - 4) * part
        path(canvas, [(x, base + 20), (x + width - 12, base + 20)])
        write(canvas, label, x, base + 10, 6.2, colour=MUTED)
        x += width
