"""Readings of single parts of a phantom in compact tables: inserts, discs, directions."""

from __future__ import annotations

from reportlab.platypus import Flowable, KeepTogether

from qa.record import Record
from reports import matrix
from reports.index import judgements_of, of_part, per_image, together
from reports.style import CELL_MUTED, paragraph

SHORT = 12  # readings
NOTE = "One row per part. Every value is given ± U, U = 2u; the sign before a value is its worst outcome."


def table(record: Record) -> list[Flowable]:
    """The tables, what their columns mean, remarks on single values, and the limits on single parts; nothing when no part has a reading."""
    readings = [(index, reading) for index, reading in enumerate(record.readings) if of_part(reading) and not per_image(reading)]
    if not readings:
        return []
    judged, remarks = judgements_of(record), matrix.Remarks()
    tables = [part for group in together(readings) for part in _whole(matrix.table(group, judged, remarks), len(group))]
    return [paragraph(NOTE, CELL_MUTED), *tables, *remarks.paragraphs(), *matrix.limits(judged, readings, "parts")]


def _whole(table: list[Flowable], count: int) -> list[Flowable]:
    """A short table with its meanings on one page, a long one as it comes."""
    return [KeepTogether(table)] if count <= SHORT else table
