"""Readings of single images in compact tables, those of parts of a phantom apart."""

from __future__ import annotations

from reportlab.platypus import Flowable

from qa.record import Record
from reports import matrix
from reports.index import image_names, judgements_of, per_image, together
from reports.style import CELL_MUTED, paragraph

NOTE = "Image numbers are those of the list of files at the end. Every value is given ± U, U = 2u."


def table(record: Record) -> list[Flowable]:
    """The tables, what their columns mean, remarks on single values, and the limits on single images; nothing without readings."""
    readings = [(index, reading) for index, reading in enumerate(record.readings) if per_image(reading)]
    if not readings:
        return []
    judged, remarks, names = judgements_of(record), matrix.Remarks(), image_names(record)
    tables = [part for group in together(readings) for part in matrix.table(group, judged, remarks, names)]
    return [paragraph(NOTE, CELL_MUTED), *tables, *remarks.paragraphs(), *matrix.limits(judged, readings, "images")]
