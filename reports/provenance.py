"""Where the numbers come from: every file with its SHA-256, and every software with its version."""

from __future__ import annotations

from reportlab.platypus import Flowable

from qa.record import Record
from reports.page import heading, small_heading
from reports.style import BODY, CELL_MUTED, WIDTH, paragraph
from reports.tables import Cell, grid


def section(record: Record) -> list[Flowable]:
    """The files that went in, numbered as everywhere in the report, and the software that read them."""
    return [*heading("Files and software", "files"), *_files(record), *_software(record)]


def _files(record: Record) -> list[Flowable]:
    if not record.inputs:
        return [paragraph("This record names no input file.", BODY)]
    rows: list[list[Cell]] = []
    for n, entry in enumerate(record.inputs, 1):
        state = "used" if entry.used else f"left out: {entry.reason or 'no reason was recorded'}"
        uid = [paragraph(entry.sop_instance_uid, CELL_MUTED)] if entry.sop_instance_uid else []
        digest = [paragraph(half, CELL_MUTED) for half in (entry.sha256[:32], entry.sha256[32:])]
        rows.append([str(n), [paragraph(entry.name), *uid], paragraph(state), digest])
    return [grid(("Image", "File and SOP Instance UID", "Use", "SHA-256"), rows, [WIDTH * part for part in (0.07, 0.46, 0.195, 0.275)])]


def _software(record: Record) -> list[Flowable]:
    rows: list[list[Cell]] = [[paragraph(name), paragraph(version)] for name, version in record.versions]
    rows.append([paragraph(f"procedure {record.procedure}"), paragraph(record.procedure_version)])
    return [*small_heading("Software"), grid(("Name", "Version"), rows, (WIDTH * 0.3, WIDTH * 0.3))]
