"""Readings as JSON for other programs: every reading, and why it counts as it does (docs/json.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qa.compared import Compared
from qa.plain import encode
from qa.protocol import Baseline, Judgement, Outcome, verdicts
from qa.reading import At, Measured, QaError, Reading
from qa.record import Record, record_hash

SCHEMA = "igrtqa-readings"
SCHEMA_VERSION = 1
DATABASE = b"SQLite format 3\0"  # how such a file begins (sqlite.org/fileformat2.html, section 1.3)


def readings_json(records: Iterable[Record]) -> dict[str, Any]:
    """The records' readings as plain data, one object per reading, in the records' order (schema in docs/json.md)."""
    records = tuple(records)
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "records": [_meta(record) for record in records],
        "readings": [_reading(record, index, reading) for record in records for index, reading in enumerate(record.readings)],
        "comparisons": [_comparison(record, one) for record in records for one in record.comparisons],
    }


def write_json(path: str | Path, records: Iterable[Record]) -> None:
    """Writes ``readings_json`` as a whole or not at all; QaError when the place cannot be written, and an older file stays as it was."""
    path = Path(path)
    text = json.dumps(readings_json(records), ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        spare_database(path)
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise QaError(
            f"{path}: cannot be written ({error.strerror or error}); name a file in a folder that you may write to, with room on the disk"
        ) from error


def spare_database(path: Path) -> None:
    """QaError where a file to be written would take the place of an SQLite database, which may be the one with the records."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(DATABASE)) == DATABASE:
                raise QaError(f"{path} is a database, maybe the one with the records: nothing was written, give another name")


def _meta(record: Record) -> dict[str, Any]:
    return {
        "record_id": record.record_id,
        "record_hash": record_hash(record),
        "procedure": record.procedure,
        "procedure_version": record.procedure_version,
        "title": record.title,
        "machine": record.machine,
        "phantom": record.phantom,
        "performer": record.performer,
        "protocol": record.protocol,
        "protocol_title": record.protocol_title,
        "coverage_factor": record.coverage_factor,
        "acquired": _utc(record.acquired) if record.acquired else None,
        "analysed": _utc(record.analysed),
        "versions": dict(record.versions),
        "verdicts": {technique: outcome.name for technique, outcome in verdicts(record.judgements).items()},
        "inputs": [
            {"name": i.name, "sha256": i.sha256, "sop_instance_uid": i.sop_instance_uid, "used": i.used, "reason": i.reason}
            for i in record.inputs
        ],
        "limits_without_reading": [
            {"quantity": judgement.limit.quantity, **_judgement(judgement)} for judgement in record.judgements if judgement.reading < 0
        ],
        "notes": list(record.notes),
        "judged_again": record.basis.judged_again if record.basis is not None else "",
    }


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()


def _reading(record: Record, index: int, reading: Reading) -> dict[str, Any]:
    judgements = [judgement for judgement in record.judgements if judgement.reading == index]
    outcome, reason = _outcome(reading, judgements)
    measured = reading if isinstance(reading, Measured) else None
    return {
        "record_id": record.record_id,
        "procedure": record.procedure,
        "quantity": reading.quantity.key,
        "value": measured.value if measured else None,
        "u": measured.u if measured else None,
        "unit": reading.quantity.unit,
        "interval": list(measured.interval) if measured and measured.interval else None,
        "at": encode(At, reading.at),
        "outcome": outcome,
        "reason": reason,
        "budget": dict(measured.budget) if measured else {},
        "flags": list(measured.flags) if measured else [],
        "missing": measured.missing if measured else "",
        "limits": [_judgement(judgement) for judgement in judgements],
    }


def _comparison(record: Record, one: Compared) -> dict[str, Any]:
    return {"record_id": record.record_id, "procedure": record.procedure, **encode(Compared, one)}


def _outcome(reading: Reading, judgements: list[Judgement]) -> tuple[str | None, str]:
    """The worst outcome and its reason; a missing number is NOT_MEASURED even when no limit asks for it."""
    worst = max(judgements, key=lambda judgement: judgement.outcome, default=None)
    if not isinstance(reading, Measured):
        return (worst.outcome if worst else Outcome.NOT_MEASURED).name, reading.reason
    return (worst.outcome.name, worst.reason) if worst else (None, "")


def _judgement(judgement: Judgement) -> dict[str, Any]:
    limit = judgement.limit
    return {
        "limit_id": limit.limit_id,
        "outcome": judgement.outcome.name,
        "reason": judgement.reason,
        "tolerance": limit.tolerance,
        "action": limit.action,
        "unit": limit.unit,
        "kind": limit.kind,
        "techniques": list(limit.techniques),
        "parts": list(limit.parts),
        "baseline": encode(Baseline, judgement.baseline) if judgement.baseline is not None else None,
    }
