"""The history of one quantity on one machine, read from the store's rows: values, gaps, and the limits that judged them then.

Physics: docs/physics/trend.md, section 1. No record is opened, so none is checked against its hash.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, func, select

from qa import tables
from qa.limit import Baseline, Outcome
from qa.reading import At, Measured, NotMeasured, Quantity, Reading
from qa.rows import baseline
from qa.widening import version

_RECORD = ("record_id", "procedure", "procedure_version", "acquired", "analysed")
_READING = ("record_id", "idx", "quantity", "unit", "meaning", "source", "value", "u", "low", "high", "missing", "reason", "at")
_BETWEEN = "\n"  # two SHA-256


@dataclass(frozen=True)
class Asked:
    """As much of a limit as the course of a number shows; the rest of it is in the record. ``tolerance`` and ``action`` are in ``unit``."""

    limit_id: str
    unit: str
    kind: str
    tolerance: float | None
    action: float | None


@dataclass(frozen=True)
class Judged:
    """How a limit judged a reading, and the baseline that it was held against; the words of it are in the record."""

    limit: Asked
    outcome: Outcome
    baseline: Baseline | None = None


@dataclass(frozen=True)
class Point:
    """One reading of one record, when it was taken (the images, else their analysis), and how every limit judged it at that time.

    ``inputs`` are the SHA-256 of the files that the record used; ``asked`` says whether any limit judged anything in that record.
    """

    record_id: str
    procedure: str
    version: str
    taken: datetime
    analysed: datetime
    dated: bool
    reading: Reading
    judgements: tuple[Judged, ...] = ()
    inputs: frozenset[str] = frozenset()
    asked: bool = True

    @cached_property
    def outcome(self) -> Outcome | None:
        """The worst outcome, None where no limit judged it."""
        return max((judged.outcome for judged in self.judgements), default=None)


def read(connection: Connection, names: Sequence[str], quantity: str) -> tuple[Point, ...]:
    """Every reading of that quantity on the machine of these names, the one taken first first; budgets and flags are left in the store.

    Records first, then the readings among them by an index: the time does not grow with what else is stored.
    """
    own, reading = tables.record.c, tables.reading.c
    tests = distinct(connection, reading.procedure, reading.quantity == quantity)
    of_it = own.machine.in_(names), own.procedure.in_(tests)
    records = {row[0]: row for row in connection.execute(select(*(own[name] for name in _RECORD)).where(*of_it)).all()}
    among: Select[Any] = select(own.record_id).where(*of_it)
    of_quantity = reading.quantity == quantity, reading.procedure.in_(tests), reading.record_id.in_(among)
    known = select(*(reading[name] for name in _READING)).where(*of_quantity)
    rows = connection.execute(known).all()
    judged = _judgements(connection, among, quantity) if rows else {}
    inputs = _inputs(connection, among) if rows else {}
    asked = _asked(connection, among, {row[0] for row in rows}, judged)
    quantities: dict[tuple[str, ...], Quantity] = {}
    points = []
    for record_id, index, key, unit, meaning, source, value, u, low, high, missing, reason, at in rows:
        if (what := (key, unit, meaning, source)) not in quantities:
            quantities[what] = Quantity(*what)
        made = reading_from(quantities[what], value, u, None if low is None else (low, high), missing, reason, at)
        own_judgements = tuple(judged.get((record_id, index), ()))
        points.append(_point(records[record_id], made, own_judgements, inputs.get(record_id, frozenset()), record_id in asked))
    return tuple(sorted(points, key=attrgetter("taken", "analysed", "record_id")))


def machines(connection: Connection) -> tuple[str, ...]:
    """Every machine that has records."""
    return distinct(connection, tables.record.c.machine)


def distinct(connection: Connection, column: Column[str], *of: ColumnElement[bool]) -> tuple[str, ...]:
    """The different texts of a column, in order, where its table has an index on what ``of`` asks for and then the column.

    From each text the index leads to the next one, so the time grows with how many there are and not with the rows.
    """
    found = select(func.min(column).label("text")).where(*of).cte(recursive=True)
    after = select(func.min(column)).where(*of, column > found.c.text).scalar_subquery()
    found = found.union_all(select(after).where(found.c.text.is_not(None)))
    return tuple(connection.scalars(select(found.c.text).where(found.c.text.is_not(None))).all())


def quantities(connection: Connection, names: Sequence[str]) -> tuple[str, ...]:
    """Every quantity that the records of the machine of these names know, measured or not."""
    own, reading = tables.record.c, tables.reading.c
    among = select(own.record_id).where(own.machine.in_(names))
    known = select(reading.quantity).where(reading.record_id.in_(among))
    return tuple(connection.scalars(known.distinct().order_by(reading.quantity)).all())


def _inputs(connection: Connection, among: Select[Any]) -> Mapping[str, frozenset[str]]:
    """The SHA-256 of the files that each record used."""
    own = tables.input_.c
    together = func.aggregate_strings(own.sha256, _BETWEEN)
    of_each = select(own.record_id, together).where(own.used, own.record_id.in_(among)).group_by(own.record_id)
    return {record_id: frozenset(digests.split(_BETWEEN)) for record_id, digests in connection.execute(of_each).all()}


def _asked(connection: Connection, among: Select[Any], records: set[str], judged: Mapping[tuple[str, int], object]) -> set[str]:
    """Those of the records in which a limit judged anything; only where one has no judgement of the quantity are the others looked at."""
    known = {record_id for record_id, _ in judged}
    if records <= known:
        return known
    judgement_of = tables.judgement.c.record_id
    return set(connection.scalars(select(judgement_of).where(judgement_of.in_(among)).distinct()).all())


def _point(row: Row[Any], reading: Reading, judgements: tuple[Judged, ...], inputs: frozenset[str], asked: bool) -> Point:
    record_id, procedure, number, acquired, done = tuple(row)
    analysed = datetime.fromisoformat(done)
    taken = analysed if acquired is None else datetime.fromisoformat(acquired)
    return Point(record_id, procedure, number, taken, analysed, acquired is not None, reading, judgements, inputs, asked)


@lru_cache(maxsize=1000)
def _at(state: str) -> At:
    """What a reading is of, which many readings share."""
    return {key: one if isinstance(one, str) else float(one) for key, one in json.loads(state).items()}


def reading_from(
    what: Quantity, value: float, u: float, interval: tuple[float, float] | None, missing: str | None, reason: str | None, state: str
) -> Reading:
    """The reading in a row, as far as a course of numbers needs it; ``state`` is JSON."""
    at = _at(state)
    return NotMeasured(what, reason, at) if reason is not None else Measured(what, value, u, at, interval=interval, missing=missing or "")


def _judgements(connection: Connection, among: Select[Any], quantity: str) -> Mapping[tuple[str, int], Sequence[Judged]]:
    """How each reading was judged, by (record, index); one object for all that were judged alike and against no baseline."""
    judged, outcomes = tables.judgement.c, dict(Outcome.__members__)
    held = _baselines(connection, among) if version(connection) >= tables.SINCE[tables.baseline] else {}
    alike: dict[tuple[Any, ...], Judged] = {}
    found: dict[tuple[str, int], list[Judged]] = defaultdict(list)
    query = select(*(judged[name] for name in tables.JUDGED)).where(judged.quantity == quantity, judged.record_id.in_(among))
    for record_id, index, reading, outcome, *limit in connection.execute(query.order_by(judged.record_id, judged.idx)).all():
        if (key := (outcome, *limit)) not in alike:
            alike[key] = Judged(Asked(*limit), outcomes[outcome])
        said = alike[key]
        if (record_id, index) in held:
            said = replace(said, baseline=held[record_id, index])
        found[record_id, reading].append(said)
    return found


def _baselines(connection: Connection, among: Select[Any]) -> dict[tuple[str, int], Baseline]:
    """What judgements were held against, by (record, index of the judgement)."""
    query = select(tables.baseline).where(tables.baseline.c.record_id.in_(among))
    return {(row.record_id, row.idx): baseline(dict(zip(row._fields, row, strict=True))) for row in connection.execute(query)}
