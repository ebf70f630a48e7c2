"""The pages of an audit: headings that are bookmarks, a table of contents with page numbers, page x of y."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from reportlab.platypus import Flowable, KeepTogether

from qa.audit import Audit
from reports import page
from reports.shapes import Canvas, Drawn, write
from reports.style import BOLD, FONT, RULE, WIDTH, lines

ROW, SIZE, STEP = 11.5, 7.5, 12.0  # points: a line of the contents, its letters, how far a test is set in
NUMBER = 24.0


@dataclass(frozen=True)
class Section:
    """A part of the audit: its ``flowables`` under a heading; ``level`` 1 is a part of the section before it.

    ``following`` is what its heading must not be parted from beside its own: that of its first part.
    """

    title: str
    key: str
    flowables: Sequence[Flowable]
    level: int = 0
    following: Sequence[Flowable] = ()


class Places:
    """On which page each heading came to stand, for the contents before them."""

    def __init__(self) -> None:
        """None is laid out yet."""
        self._page: dict[str, int] = {}

    def story(self, sections: Sequence[Section]) -> list[Flowable]:
        """The sections in order; a heading stays with what is under it."""
        flowables: list[Flowable] = []
        for section in sections:
            first = list(section.flowables[:1])
            head = self._heading(section)
            if first and isinstance(first[0], KeepTogether):  # kept together with its heading, which else may stay behind alone
                flowables += [KeepTogether([*head, *first[0]._content]), *section.flowables[1:]]
            else:
                flowables += [*head, *section.flowables]
        return flowables

    def _heading(self, section: Section) -> list[Flowable]:
        seen = partial(self._page.__setitem__, section.key)
        return page.heading(section.title, section.key, section.flowables, section.level, section.following, seen)

    def contents(self, sections: Sequence[Section]) -> Drawn:
        """Every heading with its page, which the last page fills in, each a link."""

        def paint(canvas: Canvas) -> None:
            top = ROW * len(sections)
            for n, one in enumerate(sections):
                y, x = top - (n + 1) * ROW + 3, STEP * one.level
                text, *_ = lines(one.title, WIDTH - x - NUMBER - 8, SIZE, FONT if one.level else BOLD)
                write(canvas, text, x, y, SIZE, FONT if one.level else BOLD)
                end = x + canvas.stringWidth(text, FONT if one.level else BOLD, SIZE) + 4
                canvas.setStrokeColor(RULE)
                canvas.setLineWidth(0.5)
                canvas.setDash([0.5, 2.5])
                canvas.line(end, y + 1, WIDTH - NUMBER, y + 1)
                canvas.setDash([])
                canvas.linkRect("", one.key, (0, y - 2, WIDTH, y + ROW - 3), relative=1, thickness=0)
                canvas.saveState()
                canvas.translate(WIDTH - NUMBER, y)
                canvas.doForm(f"contents-{one.key}")
                canvas.restoreState()

        return Drawn(WIDTH, ROW * len(sections), paint)

    def fill(self, canvas: Canvas) -> None:
        """The page numbers of the contents, and those of all pages."""
        for key, number in self._page.items():
            canvas.beginForm(f"contents-{key}", 0, -2, NUMBER, ROW)
            write(canvas, f"{number}", NUMBER, 0, SIZE, anchor="right")
            canvas.endForm()
        page.number_pages(canvas)


def title(audit: Audit) -> str:
    """What it is, in words: "Monthly audit of Linac 1"."""
    return f"{'Annual' if audit.period.annual else 'Monthly'} audit of {audit.machine}"


def build(audit: Audit, story: Sequence[Flowable], places: Places) -> bytes:
    """The story laid out and closed; the same audit gives the same bytes."""
    said = {
        "title": f"{title(audit)} – {audit.period.words}",
        "author": audit.clinic,
        "subject": f"{audit.period.first} to {audit.until}",
    }
    head = f"{title(audit)}  ·  {audit.period.words}"
    foot = f"{audit.machine}  ·  {audit.period.words}  ·  {end_words(audit)}"
    return page.laid_out([*story, Drawn(0, 0, places.fill)], said, audit.stored, head, foot, lambda canvas: canvas.showOutline())


def end_words(audit: Audit) -> str:
    """The end of the store's chain, by which the state that this was printed from is known again."""
    return "no chain of records" if audit.end is None else f"last link {audit.end.number}: {audit.end.hash[:16]}…"
