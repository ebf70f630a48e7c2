"""The history of one quantity on one machine, read from the store's rows: values, gaps, and the limits that judged them then.

Physics: docs/physics/trend.md, section 1. No record is opened, so none is checked against its hash.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, func, select

from qa import tables
from qa.protocol import Baseline, Judgement, Outcome
from qa.reading import At, Measured, NotMeasured, Quantity, Reading
from qa.rows import baseline, limit
from qa.widening import version

_RECORD = ("record_id", "procedure", "procedure_version", "acquired", "analysed")
_READING = ("record_id", "idx", "quantity", "unit", "meaning", "source", "value", "u", "low", "high", "missing", "reason", "at")
_BETWEEN = "\n"  # two SHA-256
_SAID = ("record_id", "idx", "reading", "outcome", "reason")  # of a judgement; the rest is its limit


@dataclass(frozen=True)
class Point:
    """One reading of one record, when it was taken (the images, else their analysis), and every judgement of it at that time.

    ``inputs`` are the SHA-256 of the files that the record used; ``asked`` says whether any limit judged anything in that record.
    """

    record_id: str
    procedure: str
    version: str
    taken: datetime
    analysed: datetime
    dated: bool
    reading: Reading
    judgements: tuple[Judgement, ...] = ()
    inputs: frozenset[str] = frozenset()
    asked: bool = True

    @property
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
    for record_id, index, *what, value, u, low, high, missing, reason, at in rows:
        if (key := tuple(what)) not in quantities:
            quantities[key] = Quantity(*what)
        made = reading_from(quantities[key], value, u, None if low is None else (low, high), missing, reason, at)
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


def _point(row: Row[Any], reading: Reading, judgements: tuple[Judgement, ...], inputs: frozenset[str], asked: bool) -> Point:
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


def _judgements(connection: Connection, among: Select[Any], quantity: str) -> Mapping[tuple[str, int], Sequence[Judgement]]:
    """The judgements of each reading, by (record, index); one object for all that have one limit."""
    known, judged = version(connection), tables.judgement.c
    of_it = judged.quantity == quantity, judged.record_id.in_(among)
    of_limit = [column for column in tables.columns(tables.judgement, known) if column.name not in _SAID]
    limits = connection.execute(select(*of_limit).where(*of_it).distinct()).all()
    telling = _telling(limits)
    names, outcomes = [column.name for column in of_limit], dict(Outcome.__members__)
    limit_of = {tuple(row[n] for n in telling): limit(dict(zip(names, row, strict=True))) for row in limits}
    held = _baselines(connection, among) if known >= tables.SINCE[tables.baseline] else {}
    found: dict[tuple[str, int], list[Judgement]] = defaultdict(list)
    query = select(*(judged[name] for name in _SAID), *(of_limit[n] for n in telling)).where(*of_it)
    for record_id, index, reading, outcome, reason, *own in connection.execute(query).all():
        said = Judgement(limit_of[tuple(own)], reading, outcomes[outcome], reason, held.get((record_id, index)))
        found[record_id, reading].append(said)
    return found


def _telling(rows: Sequence[Row[Any]]) -> list[int]:
    """The places of as few values as tell these different rows apart: those of the others need not be read again for every judgement."""
    telling: list[int] = []
    apart = min(1, len(rows))
    for place in range(len(rows[0]) if rows else 0):
        now = len({tuple(row[n] for n in (*telling, place)) for row in rows})
        if now > apart:
            telling, apart = [*telling, place], now
    return telling


def _baselines(connection: Connection, among: Select[Any]) -> dict[tuple[str, int], Baseline]:
    """What judgements were held against, by (record, index of the judgement)."""
    query = select(tables.baseline).where(tables.baseline.c.record_id.in_(among))
    return {(row.record_id, row.idx): baseline(dict(zip(row._fields, row, strict=True))) for row in connection.execute(query)}
