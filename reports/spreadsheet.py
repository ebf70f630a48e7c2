"""A record's tables and readings as comma-separated values, for a spreadsheet or a planning system's calibration curve."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from qa.evidence import Table
from qa.reading import Measured, Reading
from qa.record import Record
from reports import disk, numbers
from reports.index import UID, judgements_of, without

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # a cell that starts so is run as a formula by spreadsheets, unless it is a number
NUMBER = re.compile(r"[-+][\d.]+(e[-+]?\d+)?( ± [\d.]+)?")
READINGS = ("quantity", "unit", "value", "u (k = 1)", "outcome", "why there is no number, or caveats", "image")


def text(record: Record) -> str:
    """What record it is, then every table under its title, then all readings: blocks with a blank line between them (RFC 4180)."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    for block in (_head(record), *map(_table, (item for item in record.evidence if isinstance(item, Table))), _readings(record)):
        writer.writerows([inert(cell) for cell in row] for row in block)
        writer.writerow([])
    return target.getvalue()


def write(record: Record, path: Path) -> Path:
    """The values in a UTF-8 file that is either complete or not there. QaError when the disk refuses, saying what to do."""
    return disk.put(text(record).encode(), path)


def _head(record: Record) -> Iterator[tuple[str, ...]]:
    yield from (("record", record.record_id), ("test", record.procedure_title or record.procedure), ("machine", record.machine))
    yield from (("phantom", record.phantom), ("acquired", numbers.moment(record.acquired)), ("analysed", numbers.moment(record.analysed)))


def _table(table: Table) -> Iterator[tuple[str, ...]]:
    yield (table.title,)
    yield table.header
    yield from table.rows
    if table.note:
        yield (table.note,)


def _readings(record: Record) -> Iterator[tuple[str, ...]]:
    """One row per reading at full precision; states have a column each."""
    record, judged = without(record), judgements_of(record)
    states = list(dict.fromkeys(key for reading in record.readings for key in reading.at if key != UID))
    files = {entry.sop_instance_uid: entry.name for entry in record.inputs if entry.sop_instance_uid}
    yield (*READINGS, *states)
    for index, reading in enumerate(record.readings):
        worst = max((judgement.outcome for judgement in judged.get(index, [])), default=None)
        uid = str(reading.at.get(UID, ""))
        outcome = "not judged" if worst is None else worst.name
        yield (
            *(reading.quantity.key, reading.quantity.unit, *_value(reading)[:2], outcome, _value(reading)[2], files.get(uid, uid)),
            *(str(reading.at.get(key, "")) for key in states),
        )


def _value(reading: Reading) -> tuple[str, str, str]:
    """Value, u and words."""
    if not isinstance(reading, Measured):
        return "", "", reading.reason
    return repr(reading.value), repr(reading.u), "; ".join(filter(None, (*reading.flags, reading.missing)))


def inert(cell: str) -> str:
    """Text that no spreadsheet runs: file names and notes come from outside."""
    return f"'{cell}" if cell.startswith(FORMULAS) and not NUMBER.fullmatch(cell) else cell
