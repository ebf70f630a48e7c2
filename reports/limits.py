"""How a limit reads in a table: techniques, numbers, source, and "unconfirmed" wherever nobody read the number in the standard itself."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.platypus import Flowable

from qa.limit import Judgement, Limit
from qa.reading import NotMeasured, Reading
from reports import numbers
from reports.shapes import tag
from reports.style import CELL, CELL_MUTED, paragraph
from reports.tables import Cell


def limit_line(limit: Limit) -> Flowable:
    """A limit in one line: "SRS, SBRT: ≤ 40 HU for Air, Teflon — unconfirmed limit"."""
    parts = f" for {', '.join(limit.parts)}" if limit.parts else ""
    techniques = ", ".join(numbers.technique(name) for name in limit.techniques) or "no technique"
    return paragraph(f"{techniques}: {numbers.limit_words(limit)}{parts}{'' if limit.confirmed else ' — unconfirmed limit'}", CELL)


def limit_cell(limit: Limit, more: Sequence[str] = ()) -> list[Flowable]:
    """A limit with its source, and what more there is to say of it."""
    small = [f"{limit.source} ({limit.limit_id}{', ' + limit.frequency if limit.frequency else ''})", *more]
    return [limit_line(limit), *(paragraph(text, CELL_MUTED) for text in small if text)]


def judged(judgement: Judgement | None, reading: Reading | None = None) -> list[Cell]:
    """Two cells: the limit with the reason of the outcome (unless the reading says the same), and the outcome."""
    if judgement is None:
        return [paragraph("no limit in this protocol", CELL_MUTED), tag(None)]
    said = isinstance(reading, NotMeasured) and reading.reason == judgement.reason
    return [limit_cell(judgement.limit, ["" if said else judgement.reason, judgement.limit.note]), tag(judgement.outcome)]
