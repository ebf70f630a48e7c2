"""A person accepts a record: it is what the machine is compared with from then on, and a calibration comes into force with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from qa import chain, tables
from qa.limit import Outcome
from qa.plain import encode
from qa.reading import Measured
from qa.record import Record, record_hash
from qa.rows import time
from qa.widening import version

_STATED = ("record_id", "procedure", "procedure_version", "title", "machine", "acquired", "analysed")  # of the record itself


@dataclass(frozen=True)
class Stored:
    """Which record of which machine, and when it was measured."""

    record_id: str
    procedure: str
    procedure_version: str
    title: str
    machine: str
    acquired: datetime | None
    analysed: datetime

    @property
    def taken(self) -> datetime:
        """When the images were taken; where they do not say, when they were analysed."""
        return self.acquired or self.analysed


@dataclass(frozen=True)
class Acceptance:
    """Who accepted which record, and when; ``record_hash`` is the record's own at that time."""

    record: Stored
    record_hash: str
    who: str
    accepted: datetime
    comment: str = ""


def unacceptable(record: Record, who: str) -> str:
    """Why this person cannot accept this record, "" when they can."""
    if not who.strip():
        return "say who accepts it, with --by NAME"
    outcomes = [judgement.outcome for judgement in record.judgements] + [one.outcome for one in record.comparisons if one.outcome]
    if Outcome.FAIL in outcomes:
        return "a limit failed in it; a machine is not compared with a failure: repair, measure again and accept that"
    if Outcome.DISAGREEMENT in outcomes:
        return "two engines disagree about its numbers; find out which is right, measure again and accept that"
    if not any(isinstance(reading, Measured) for reading in record.readings):
        return "nothing was measured in it: there is nothing to compare with"
    return ""


def add(connection: Connection, record: Record, who: str, comment: str) -> Acceptance:
    """Writes that the record was accepted just now, in the caller's transaction; an earlier acceptance of it stays beside this one."""
    now = chain.clock()
    key, before = tables.acceptance.c.record_id, select(func.count()).select_from(tables.acceptance)
    row: dict[str, Any] = {"record_id": record.record_id, "idx": connection.scalar(before.where(key == record.record_id)) or 0}
    row |= {"record_hash": record_hash(record), "who": encode(str, who), "accepted": encode(datetime, now), "comment": encode(str, comment)}
    chain.add_event(connection, "acceptance", row, now)
    return next(one for one in reversed(found(connection, [record.machine])) if one.record.record_id == record.record_id)


def found(connection: Connection, machines: Sequence[str] | None = None, procedures: Sequence[str] | None = None) -> tuple[Acceptance, ...]:
    """The acceptances of a machine (its names) and of some procedures, or of all (None), the first one first; none in an older database."""
    if version(connection) < tables.SINCE[tables.acceptance]:
        return ()
    event = tables.acceptance.c
    query: Select[Any] = select(*_columns(), event.record_hash, event.who, event.accepted, event.comment)
    query = query.join_from(tables.acceptance, tables.record, event.record_id == tables.record.c.record_id)
    if machines is not None:
        query = query.where(tables.record.c.machine.in_(machines))
    if procedures is not None:
        query = query.where(tables.record.c.procedure.in_(procedures))
    rows = connection.execute(query.order_by(event.accepted, event.record_id, event.idx)).mappings()
    return tuple(
        Acceptance(_stored(row), row["record_hash"], row["who"], datetime.fromisoformat(row["accepted"]), row["comment"]) for row in rows
    )


def newest(connection: Connection, machines: Sequence[str], procedures: Sequence[str]) -> Stored | None:
    """The record of a machine, by its names, with a number in it that was taken last."""
    own, reading = tables.record.c, tables.reading.c
    number = select(reading.record_id).where(reading.record_id == own.record_id, reading.value.is_not(None)).exists()
    query = select(*_columns()).where(own.machine.in_(machines), own.procedure.in_(procedures), number)
    order = (func.coalesce(own.acquired, own.analysed).desc(), own.record_id)
    row = connection.execute(query.order_by(*order).limit(1)).mappings().first()
    return None if row is None else _stored(row)


def _columns() -> list[Any]:
    return [tables.record.c[name] for name in _STATED]


def _stored(row: Mapping[Any, Any]) -> Stored:
    own = {name: row[name] for name in _STATED}
    return Stored(**own | {"acquired": time(row["acquired"]), "analysed": datetime.fromisoformat(row["analysed"])})
