"""Where the numbers come from: every file with its SHA-256, and every software with its version."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from reportlab.platypus import Flowable

from qa.record import Input, Record
from reports.index import UID
from reports.page import heading, small_heading
from reports.style import BODY, CELL_MUTED, WIDTH, paragraph
from reports.tables import Cell, grid

MANY = 12  # files in a row without a reading of their own are a volume's slices


def section(record: Record) -> list[Flowable]:
    """The files that went in, numbered as everywhere in the report, and the software that read them."""
    body = [*_files(record), *_software(record)]
    return [*heading("Files and software", "files", body), *body]


def _files(record: Record) -> list[Flowable]:
    if not record.inputs:
        return [paragraph("This record names no input file.", BODY)]
    shown = {str(reading.at.get(UID)) for reading in record.readings}
    rows: list[list[Cell]] = []
    for _, run in groupby(enumerate(record.inputs, 1), lambda numbered: _series(numbered[1], shown)):
        entries = list(run)
        rows += [_stack(entries)] if len(entries) >= MANY else [_file(n, entry) for n, entry in entries]
    return [grid(("Image", "File and SOP Instance UID", "Use", "SHA-256"), rows, [WIDTH * part for part in (0.07, 0.46, 0.195, 0.275)])]


def _series(entry: Input, shown: set[str]) -> tuple[str, ...]:
    """What files of one stack have in common: no reading of their own, one folder, one use. Any other file is alone."""
    if not entry.used or entry.sop_instance_uid in shown:
        return (entry.name,)
    return entry.name.rpartition("/")[0], "used"


def _file(n: int, entry: Input) -> list[Cell]:
    state = "used" if entry.used else f"left out: {entry.reason or 'no reason was recorded'}"
    uid = [paragraph(entry.sop_instance_uid, CELL_MUTED)] if entry.sop_instance_uid else []
    digest = [paragraph(half, CELL_MUTED) for half in (entry.sha256[:32], entry.sha256[32:])]
    return [str(n), [paragraph(entry.name), *uid], paragraph(state), digest]


def _stack(entries: Sequence[tuple[int, Input]]) -> list[Cell]:
    """The slices of a volume in one row; the record and its JSON hold every one."""
    (first, start), (last, end) = entries[0], entries[-1]
    name = f"{start.name} to {end.name.rpartition('/')[2]} ({len(entries)} files)"
    return [f"{first}-{last}", [paragraph(name)], paragraph("used"), [paragraph("one per file, in the record", CELL_MUTED)]]


def _software(record: Record) -> list[Flowable]:
    rows: list[list[Cell]] = [[paragraph(name), paragraph(version)] for name, version in record.versions]
    rows.append([paragraph(f"procedure {record.procedure}"), paragraph(record.procedure_version)])
    return [*small_heading("Software"), grid(("Name", "Version"), rows, (WIDTH * 0.3, WIDTH * 0.3))]
