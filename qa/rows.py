"""A record as rows of the store's tables, and back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from qa import tables
from qa.compared import Compared
from qa.evidence import Evidence
from qa.limit import Baseline, Judgement, Limit, Outcome
from qa.plain import canonical, decode, encode
from qa.reading import At, Measured, NotMeasured, Quantity, Reading, RecordError
from qa.record import Basis, Input, Record, json_hash, to_json

_TEXTS = tuple[str, ...]
_LISTS = ("techniques", "needs", "parts")  # of a limit


def to_rows(record: Record, packed: bool = True) -> dict[str, list[dict[str, Any]]]:
    """The record as rows, per table; unless ``packed``, what evidence holds is left out."""
    own = {field.name: getattr(record, field.name) for field in fields(Record) if field.name in tables.record.c}
    whole = to_json(record)
    plain = whole["record"]
    own |= {"acquired": plain.get("acquired"), "analysed": plain["analysed"], "record_hash": json_hash(whole)}
    own |= {"versions": canonical(plain["versions"]), "notes": canonical(plain.get("notes", []))}
    children: dict[str, list[dict[str, Any]]] = {
        "input": [{field.name: getattr(item, field.name) for field in fields(Input)} for item in record.inputs],
        "reading": [{"procedure": record.procedure, **_reading_row(reading)} for reading in record.readings],
        "judgement": [_judgement_row(judgement) for judgement in record.judgements],
        "evidence": [
            {"kind": type(item).__name__, "title": item.title, "data": _pack(item) if packed else b""} for item in record.evidence
        ],
    }
    children["comparison"] = [_comparison_row(one) for one in record.comparisons]
    children["baseline"] = [_baseline_row(index, one.baseline) for index, one in enumerate(record.judgements) if one.baseline is not None]
    children["basis"] = [_basis_row(record.basis)] if record.basis is not None else []
    for rows in children.values():
        for index, row in enumerate(rows):
            row |= {"record_id": record.record_id, "idx": row.get("idx", index)}
    return {"record": [own], **children}


def _pack(item: Evidence) -> bytes:
    return zlib.compress(canonical(encode(Evidence, item)).encode(), 1)


def _reading_row(reading: Reading) -> dict[str, Any]:
    quantity = reading.quantity
    row: dict[str, Any] = {"quantity": quantity.key, "unit": quantity.unit, "meaning": quantity.meaning, "source": quantity.source}
    row |= {"at": canonical(encode(At, reading.at)), "value": None, "u": None, "low": None, "high": None}
    row |= {"flags": None, "budget": None, "missing": None, "reason": None}
    if isinstance(reading, NotMeasured):
        return row | {"reason": reading.reason}
    low, high = reading.interval or (None, None)
    row |= {"value": reading.value, "u": reading.u, "low": low, "high": high, "missing": reading.missing}
    return row | {"flags": canonical(encode(_TEXTS, reading.flags)), "budget": canonical(encode(Mapping[str, float], reading.budget))}


def _judgement_row(judgement: Judgement) -> dict[str, Any]:
    row = {field.name: getattr(judgement.limit, field.name) for field in fields(Limit)}
    row |= {name: canonical(encode(_TEXTS, row[name])) for name in _LISTS}
    return row | {"reading": judgement.reading, "outcome": judgement.outcome.name, "reason": judgement.reason}


def _baseline_row(index: int, baseline: Baseline) -> dict[str, Any]:
    """The row of what the judgement of that index was held against."""
    (low, high), taken = baseline.interval or (None, None), encode(datetime, baseline.taken)
    row = {"idx": index, "of_record": baseline.record_id, "taken": taken, "unit": baseline.unit}
    return row | {"value": baseline.value, "u": baseline.u, "low": low, "high": high}


def _basis_row(basis: Basis) -> dict[str, Any]:
    said = {"doubts": canonical(encode(_TEXTS, basis.doubts)), "applied": canonical(encode(_TEXTS, basis.applied))}
    return said | {"judged_again": basis.judged_again}


def _comparison_row(one: Compared) -> dict[str, Any]:
    row = {field.name: getattr(one, field.name) for field in fields(Compared)}
    return row | {"at": canonical(encode(At, one.at)), "outcome": one.outcome.name if one.outcome is not None else None}


def from_rows(stored: Mapping[str, Sequence[Mapping[str, Any]]]) -> Record:
    """The record in the rows; RecordError when they do not make one."""
    own = dict(stored["record"][0])
    where = f"record {own.pop('record_id')}"
    try:
        own |= {"versions": decode(tuple[tuple[str, str], ...], json.loads(own["versions"]), f"{where}.versions")}
        own |= {"notes": decode(_TEXTS, json.loads(own["notes"]), f"{where}.notes"), "acquired": time(own["acquired"])}
        own |= {"analysed": datetime.fromisoformat(own["analysed"])}
        del own["record_hash"]
        return Record(
            record_id=where.removeprefix("record "),
            inputs=tuple(Input(**{field.name: row[field.name] for field in fields(Input)}) for row in stored["input"]),
            readings=tuple(_reading(row) for row in stored["reading"]),
            judgements=_judgements(stored["judgement"], stored.get("baseline", ())),
            evidence=tuple(decode(Evidence, json.loads(zlib.decompress(row["data"])), f"{where}.evidence") for row in stored["evidence"]),
            comparisons=tuple(_comparison(row) for row in stored.get("comparison", ())),
            basis=_basis(stored.get("basis", ())),
            **own,
        )
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise RecordError(f"{where}: damaged ({type(error).__name__}: {error}); restore it from a backup") from error


def _reading(row: Mapping[str, Any]) -> Reading:
    quantity = Quantity(row["quantity"], row["unit"], row["meaning"], row["source"])
    at = decode(At, json.loads(row["at"]), "reading.at")
    if row["reason"] is not None:
        return NotMeasured(quantity, row["reason"], at)
    budget = decode(Mapping[str, float], json.loads(row["budget"]), "reading.budget")
    interval = None if row["low"] is None else (row["low"], row["high"])
    return Measured(
        quantity, row["value"], row["u"], at, budget, decode(_TEXTS, json.loads(row["flags"]), "reading.flags"), interval, row["missing"]
    )


def _judgements(rows: Sequence[Mapping[str, Any]], baselines: Sequence[Mapping[str, Any]]) -> tuple[Judgement, ...]:
    """The judgements, each with what it was held against."""
    found = {row["idx"]: baseline(row) for row in baselines}
    judged = tuple(replace(judgement(row), baseline=found.pop(row["idx"], None)) for row in rows)
    if found:
        raise ValueError(f"a baseline of no judgement: {sorted(found)}")
    return judged


def baseline(row: Mapping[str, Any]) -> Baseline:
    """What a judgement was held against, in a row of its own."""
    interval = None if row["low"] is None else (row["low"], row["high"])
    return Baseline(row["of_record"], datetime.fromisoformat(row["taken"]), row["unit"], row["value"], row["u"], interval)


def _basis(rows: Sequence[Mapping[str, Any]]) -> Basis | None:
    if len(rows) > 1:
        raise ValueError("two rows in the table basis")
    texts = [{name: decode(_TEXTS, json.loads(row[name]), f"basis.{name}") for name in ("doubts", "applied")} for row in rows]
    return Basis(**texts[0], judged_again=rows[0]["judged_again"]) if rows else None


def _comparison(row: Mapping[str, Any]) -> Compared:
    own = {field.name: row[field.name] for field in fields(Compared)}
    outcome = None if row["outcome"] is None else Outcome[row["outcome"]]
    return Compared(**own | {"at": decode(At, json.loads(row["at"]), "comparison.at"), "outcome": outcome})


def judgement(row: Mapping[str, Any]) -> Judgement:
    """The judgement in a row, with its limit in full; its baseline is in a table of its own."""
    return Judgement(limit(row), row["reading"], Outcome[row["outcome"]], row["reason"])


def limit(row: Mapping[str, Any]) -> Limit:
    """The limit in the row of a judgement."""
    own = {field.name: row[field.name] for field in fields(Limit) if field.name in row}  # an older database knows no parts
    own |= {key: decode(_TEXTS, json.loads(own[key]), f"judgement.{key}") for key in _LISTS if key in own}
    return Limit(**own)


def time(text: str | None) -> datetime | None:
    """The time in a column that may be empty."""
    return None if text is None else datetime.fromisoformat(text)
