"""Readings of many records as comma-separated values, one row each, units and reasons in columns of their own (docs/export.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from qa.plain import canonical
from qa.protocol import Judgement
from qa.reading import At, Measured, Reading
from qa.record import Record
from qa.standing import Standing
from reports import disk
from reports.index import UID, judgements_of
from reports.spreadsheet import inert

IDENTITY = ("part", "set", "setting")  # of what it was measured; the rest of its state is one cell
HEAD = (
    *("record_id", "record_hash", "link", "link_hash", "machine", "phantom", "performer", "test", "test_version", "protocol"),
    *("coverage_factor", "acquired_utc", "analysed_utc", "quantity", "unit", "value", "u_k1", "interval95_low", "interval95_high"),
    *("outcome", "outcome_reason", "limit_id", "limit_kind", "limit_techniques", "tolerance", "action_level", "limit_source"),
    *("baseline_value", "baseline_u_k1", "baseline_record_id", "baseline_taken_utc", "other_limits"),
    *IDENTITY,
    *("sop_instance_uid", "state", "why_empty", "missing", "flags", "signed"),
)


def write(records: Iterable[tuple[Record, Standing]], path: Path) -> int:
    """All their readings in a UTF-8 file (RFC 4180) that is complete or not there; how many there are. One record is held at a time."""
    count = 0
    with disk.writing(path) as file:
        file.write(_text([HEAD]))
        for record, standing in records:
            made = [*rows(record, standing)]
            file.write(_text(made))
            count += len(made)
    return count


def _text(made: Iterable[tuple[str, ...]]) -> bytes:
    target = io.StringIO()
    csv.writer(target, lineterminator="\r\n").writerows([inert(cell) for cell in row] for row in made)
    return target.getvalue().encode()


def rows(record: Record, standing: Standing) -> Iterator[tuple[str, ...]]:
    """One row for every reading, then one for every limit that no reading was made for."""
    before, judged, signed = _record(record, standing), judgements_of(record), _signed(standing)
    for index, reading in enumerate(record.readings):
        yield (
            *before,
            *_reading(reading),
            *_judged(judged.get(index, [])),
            *_state(reading.at),
            *_words(record, reading, judged.get(index, [])),
            signed,
        )
    for one in record.judgements:
        if one.reading < 0:
            nothing = one.limit.quantity, one.limit.unit, "", "", "", ""
            yield *before, *nothing, *_judged([one]), *_state({}), f"no reading: {one.reason}", "", "", signed


def _record(record: Record, standing: Standing) -> tuple[str, ...]:
    link = (str(standing.place.number), standing.place.hash) if standing.place is not None else ("", "")
    who = record.machine, record.phantom, record.performer, record.procedure, record.procedure_version, record.protocol
    times = _utc(record.acquired) if record.acquired is not None else "", _utc(record.analysed)
    return record.record_id, standing.record_hash, *link, *who, repr(record.coverage_factor), *times


def _reading(reading: Reading) -> tuple[str, ...]:
    what = reading.quantity.key, reading.quantity.unit
    if not isinstance(reading, Measured):
        return *what, "", "", "", ""
    low, high = map(repr, reading.interval) if reading.interval is not None else ("", "")
    return *what, repr(reading.value), repr(reading.u), low, high


def _judged(judgements: list[Judgement]) -> tuple[str, ...]:
    """The worst judgement in columns, and the others in one cell."""
    if not judgements:
        return "not judged", *[""] * 12
    worst = max(judgements, key=lambda one: one.outcome)
    limit, held = worst.limit, worst.baseline
    numbers = ("" if size is None else repr(size) for size in (limit.tolerance, limit.action))
    of = worst.outcome.name, worst.reason, limit.limit_id, limit.kind, "; ".join(limit.techniques), *numbers, limit.source
    based = (repr(held.value), repr(held.u), held.record_id, _utc(held.taken)) if held is not None else ("",) * 4
    others = "; ".join(f"{one.limit.limit_id}: {one.outcome.name}" for one in judgements if one is not worst)
    return *of, *based, others


def _state(at: At) -> tuple[str, ...]:
    rest = {key: value for key, value in at.items() if key not in (*IDENTITY, UID)}
    return *(str(at.get(key, "")) for key in (*IDENTITY, UID)), canonical(rest) if rest else ""


def _words(record: Record, reading: Reading, judgements: list[Judgement]) -> tuple[str, str, str]:
    """Why numbers are not there, what belongs to the value and is missing, caveats."""
    why = [] if isinstance(reading, Measured) else [f"value: {reading.reason}"]
    why += [] if record.acquired is not None else ["acquired: the files have no date"]
    if judgements and max(judgements, key=lambda one: one.outcome).limit.tolerance is None:
        why.append("tolerance: the source of the limit gives no number")
    if not isinstance(reading, Measured):
        return "; ".join(why), "", ""
    return "; ".join(why), reading.missing, "; ".join(reading.flags)


def _signed(standing: Standing) -> str:
    return "; ".join(f"{one.said} by {one.who}{f' ({one.role})' if one.role else ''} {_utc(one.signed)}" for one in standing.signatures)


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
