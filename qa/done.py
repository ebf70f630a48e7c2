"""When the tests of a protocol were last done on a machine, by the store's rows; no record is opened.

Done is a record with a number in which every limit was decided, passed or failed, that nobody rejected and that is not dated later than
today. What does not count is told beside it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from sqlalchemy import Connection, Table, func, select

from qa import signing, tables
from qa.exposure import NO_ZONE
from qa.limit import Outcome
from qa.widening import version

_AT_ONCE = 500  # ids in one question to the database
_DECIDED = frozenset({Outcome.PASS, Outcome.FAIL, Outcome.DISAGREEMENT})
_BAD = frozenset({Outcome.FAIL, Outcome.DISAGREEMENT})
_ZONES = timedelta(days=2)  # more than a day on one clock and the same day on another are apart

Key = tuple[str, str, str]
"""A machine, a protocol and a procedure."""


@dataclass(frozen=True)
class Done:
    """The ``day`` on which it was last done, None never, and when by the clinic's clock (``at``); ``failed``: a record of that day, or a
    newer one, failed.

    ``unfinished``, ``rejected`` and ``ahead`` (of today) are the days of the newest records that do not count and are not older.
    """

    day: date | None = None
    failed: bool = False
    unfinished: date | None = None
    rejected: date | None = None
    ahead: date | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class _Head:
    """A record: when it was taken, and whether its images said so."""

    record_id: str
    taken: datetime
    dated: bool


@dataclass(frozen=True)
class _Facts:
    """What decides whether a record counts."""

    outcomes: frozenset[Outcome]
    number: bool
    rejected: bool
    notes: tuple[str, ...]


def read(
    connection: Connection, own_name: Callable[[str], str], today: date, zone: tzinfo | None, protocols: Collection[str] | None
) -> dict[Key, Done]:
    """Of every machine (by its own name), protocol (of these, None: of all) and procedure that has records, when it was last done.

    Records are looked at from the newest back until one counts, ever more at once. ``zone`` is that of the days, None this computer's.
    """
    return _newest(connection, _heads(connection, own_name, protocols), today, zone)


def as_of(
    connection: Connection,
    own_name: Callable[[str], str],
    names: Sequence[str],
    days: Sequence[date],
    zone: tzinfo | None,
    protocols: Collection[str],
) -> dict[date, dict[Key, Done]]:
    """The same of one machine, by the names it has, at the end of each of these days, the first one first: no later record is known.

    Rejections count as they stand now, whenever they were signed.
    """
    heads = _heads(connection, own_name, protocols, names)
    start = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC) - _ZONES
    recent = {key: [head for head in of if head.taken >= start] for key, of in heads.items()}
    before = _newest(connection, {key: of[len(recent[key]) :] for key, of in heads.items()}, days[0], zone)
    facts = _facts(connection, [head.record_id for of in recent.values() for head in of])
    return {day: {key: _by(day, of, facts, before[key], zone) for key, of in recent.items()} for day in days}


def _by(day: date, heads: Sequence[_Head], facts: Mapping[str, _Facts], before: Done, zone: tzinfo | None) -> Done:
    """What was known at the end of a day: of these records, the newest first, those that were taken by then, else what was ``before``."""
    done = Done()
    for head in heads:
        own = facts[head.record_id]
        if clock(head.taken, head.dated, own.notes, zone).date() <= day:
            done, enough = _with(done, head, own, day, zone)
            if enough:
                break
    if done.day is not None:
        return done
    unfinished, rejected = done.unfinished or before.unfinished, done.rejected or before.rejected
    return replace(before, failed=done.failed or before.failed, unfinished=unfinished, rejected=rejected, ahead=None)


def _newest(connection: Connection, heads: Mapping[Key, Sequence[_Head]], today: date, zone: tzinfo | None) -> dict[Key, Done]:
    found = {key: Done() for key in heads}
    looked, step = dict.fromkeys(heads, 0), 1
    while pending := [key for key in heads if looked[key] < len(heads[key])]:
        parts = {key: heads[key][looked[key] : looked[key] + step] for key in pending}
        facts = _facts(connection, [head.record_id for part in parts.values() for head in part])
        for key, part in parts.items():
            looked[key] += len(part)
            for head in part:
                found[key], enough = _with(found[key], head, facts[head.record_id], today, zone)
                if enough:
                    looked[key] = len(heads[key])
                    break
        step *= 2
    return found


def clock(taken: datetime, dated: bool, notes: Iterable[str], zone: tzinfo | None) -> datetime:
    """What the clinic's clock showed, without a zone; ``dated``: the images said when.

    Files that state no time zone have their own clock's time, marked as UTC, and a note says so. Where only some of the files do, nothing
    tells which kind this time is of: the earlier one counts.
    """
    there, own = taken.astimezone(zone).replace(tzinfo=None), taken.replace(tzinfo=None)
    marked = [note for note in notes if note.startswith(NO_ZONE)] if dated else []
    if not marked:
        return there
    counted = [re.findall(r"\((\d+) of (\d+) ", note) for note in marked]
    return own if all(some == every for pairs in counted for some, every in pairs) else min(own, there)


def _with(done: Done, head: _Head, facts: _Facts, today: date, zone: tzinfo | None) -> tuple[Done, bool]:
    """What is known with one more record, the next older one, and whether older ones say nothing more."""
    at = clock(head.taken, head.dated, facts.notes, zone)
    day = at.date()
    if done.day is not None and day < done.day:
        return done, done.day - day > _ZONES
    if facts.rejected:
        return (replace(done, rejected=done.rejected or day) if done.day is None else done), False
    if day > today:
        return replace(done, ahead=done.ahead or day), False
    failed = done.failed or not _BAD.isdisjoint(facts.outcomes)
    if facts.number and facts.outcomes and facts.outcomes <= _DECIDED:
        return replace(done, day=done.day or day, at=done.at or at, failed=failed), False
    return replace(done, failed=failed, unfinished=done.unfinished or (day if done.day is None else None)), False


def _heads(
    connection: Connection, own_name: Callable[[str], str], protocols: Collection[str] | None, machines: Sequence[str] | None = None
) -> dict[Key, list[_Head]]:
    """The records of each, the one taken last first; of machines that are stored under these names, None of all."""
    own = tables.record.c
    taken = func.coalesce(own.acquired, own.analysed).label("taken")
    query = select(own.record_id, own.machine, own.protocol, own.procedure, taken, own.acquired.is_not(None))
    if protocols is not None:
        query = query.where(own.protocol.in_(protocols))
    if machines is not None:
        query = query.where(own.machine.in_(machines))
    heads: dict[Key, list[_Head]] = defaultdict(list)
    names: dict[str, str] = {}
    for record_id, machine, protocol, procedure, when, dated in connection.execute(query.order_by(taken.desc(), own.analysed.desc())):
        if machine not in names:
            names[machine] = own_name(machine)
        heads[names[machine], protocol, procedure].append(_Head(record_id, datetime.fromisoformat(when), dated))
    return heads


def _facts(connection: Connection, record_ids: Sequence[str]) -> dict[str, _Facts]:
    found: dict[str, _Facts] = {}
    for some in (record_ids[start : start + _AT_ONCE] for start in range(0, len(record_ids), _AT_ONCE)):
        own, reading = tables.record.c, tables.reading.c
        notes = dict(tuple(row) for row in connection.execute(select(own.record_id, own.notes).where(own.record_id.in_(some))))
        numbers = select(reading.record_id).where(reading.record_id.in_(some), reading.value.is_not(None)).distinct()
        measured = set(connection.scalars(numbers))
        outcomes = _outcomes(connection, some)
        signed = signing.found(connection, some)
        for one in some:
            rejected = bool(signing.rejections(signed.get(one, ())))
            found[one] = _Facts(frozenset(outcomes[one]), one in measured, rejected, tuple(json.loads(notes[one])))
    return found


def _outcomes(connection: Connection, record_ids: Sequence[str]) -> Mapping[str, set[Outcome]]:
    """How each record was judged, and whether two engines disagree about it."""
    found: dict[str, set[Outcome]] = defaultdict(set)

    def look(table: Table, *wanted: Outcome) -> None:
        own = table.c
        query = select(own.record_id, own.outcome).where(own.record_id.in_(record_ids), own.outcome.in_([one.name for one in wanted]))
        for record_id, outcome in connection.execute(query.distinct()):
            found[record_id].add(Outcome[outcome])

    look(tables.judgement, *Outcome)
    if version(connection) >= tables.SINCE[tables.comparison]:
        look(tables.comparison, Outcome.DISAGREEMENT)
    return found
