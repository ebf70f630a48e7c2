"""When the tests of a protocol were last done on a machine, by the store's rows; no record is opened.

Done is a record with a number in which every limit was decided, passed or failed, that nobody rejected and that is not dated later than
today; where it is asked by which protocols, one that was judged by no fewer and no looser limits than these have. What does not count is
told beside it.
"""

from __future__ import annotations

import heapq
import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from itertools import chain, islice, takewhile

from sqlalchemy import Connection, Table, and_, bindparam, func, select, text

from qa import acceptance, done_limits, tables
from qa.done_limits import Judged
from qa.events import Event
from qa.exposure import NO_ZONE
from qa.limit import Outcome
from qa.protocol import Protocol
from qa.widening import version

_AT_ONCE = 500  # ids in one question to the database
_AT_FIRST = 8  # records of a test: most are done at the newest, and a daily one's few days before are looked at
_DECIDED = frozenset({Outcome.PASS, Outcome.FAIL, Outcome.DISAGREEMENT})
_BAD = frozenset({Outcome.FAIL, Outcome.DISAGREEMENT})
_OWN = tables.record.c
_ZONE = timedelta(days=1)  # no clock is further ahead of UTC: what was taken more than a day earlier, by UTC, is of an earlier day

Key = tuple[str, str, str]
"""A machine, a protocol and a procedure."""
Judging = Mapping[str, Protocol]
"""Protocols by their names, as they are now."""
NOBODY: Judging = {}


@dataclass(frozen=True)
class Done:
    """The ``day`` on which it was last done, None never; ``failed``: a record of that day, or a newer one, failed.

    ``unfinished``, ``rejected``, ``looser`` (judged by fewer or looser limits than are asked for) and ``ahead`` (of today) are the days of
    the newest records that do not count and are not older.
    """

    day: date | None = None
    failed: bool = False
    unfinished: date | None = None
    rejected: date | None = None
    ahead: date | None = None
    looser: date | None = None


@dataclass(frozen=True)
class _Head:
    """A record: when it was taken, and whether its images said so."""

    record_id: str
    taken: datetime
    analysed: datetime
    dated: bool


@dataclass(frozen=True)
class _Facts:
    """What decides whether a record counts."""

    outcomes: frozenset[Outcome]
    number: bool
    rejected: bool
    notes: tuple[str, ...]
    looser: bool


def read(
    connection: Connection,
    own_name: Callable[[str], str],
    today: date,
    zone: tzinfo | None,
    protocols: Collection[str] | None,
    judged_by: Judging = NOBODY,
) -> dict[Key, Done]:
    """Of every machine (by its own name), protocol (of these, None: of all) and procedure that has records, when it was last done.

    Records are looked at from the newest back until older ones say nothing more, ever more at once, so the time does not grow with the
    years. ``zone`` is that of the days, None this computer's. Records of a protocol in ``judged_by`` are held against its limits.
    """
    return _known(connection, _heads(connection, own_name, protocols), today, zone, judged_by)


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
    start = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC) - _ZONE
    recent: dict[Key, list[_Head]] = {}
    older: dict[Key, Iterator[_Head]] = {}
    for key, heads in _heads(connection, own_name, protocols, names).items():
        recent[key], older[key] = _parted(heads, start)
    before = _known(connection, older, days[0], zone)
    facts = _facts(connection, [head.record_id for of in recent.values() for head in of])
    return {day: {key: _by(day, of, facts, before[key], zone) for key, of in recent.items()} for day in days}


def since(
    connection: Connection,
    own_name: Callable[[str], str],
    names: Sequence[str],
    service: Event,
    later: Collection[str],
    today: date,
    zone: tzinfo | None,
    judged_by: Judging = NOBODY,
) -> dict[Key, Done]:
    """The same of one machine, by the names it has, by the records that were taken after its service began, and by no other.

    ``later`` are those that were stored after the service was put down: only of them the clock's time of that day counts.
    """
    start = datetime(service.day.year, service.day.month, service.day.day, tzinfo=UTC) - _ZONE
    found = {}
    for key, heads in _heads(connection, own_name, None, names).items():
        recent, _ = _parted(heads, start)
        facts = _facts(connection, [head.record_id for head in recent], judged_by)
        done = Done()
        for head in recent:
            own = facts[head.record_id]
            if service.followed(clock(head.taken, head.dated, own.notes, zone), head.record_id in later, zone):
                done = _with(done, head, own, today, zone)
        found[key] = done
    return found


def _parted(heads: Iterator[_Head], start: datetime) -> tuple[list[_Head], Iterator[_Head]]:
    """Those that were taken since then, and the older ones, which are not read yet."""
    recent: list[_Head] = []
    for head in heads:
        if head.taken < start:
            return recent, chain([head], heads)
        recent.append(head)
    return recent, iter(())


def _by(day: date, heads: Sequence[_Head], facts: Mapping[str, _Facts], before: Done, zone: tzinfo | None) -> Done:
    """What was known at the end of a day: of these records, the newest first, those that were taken by then, else what was ``before``."""
    done = Done()
    for head in heads:
        own = facts[head.record_id]
        if clock(head.taken, head.dated, own.notes, zone).date() <= day:
            done = _with(done, head, own, day, zone)
    if done.day is not None:
        return done
    unfinished, rejected = done.unfinished or before.unfinished, done.rejected or before.rejected
    return replace(before, failed=done.failed or before.failed, unfinished=unfinished, rejected=rejected, ahead=None)


def _known(
    connection: Connection, heads: Mapping[Key, Iterator[_Head]], today: date, zone: tzinfo | None, judged_by: Judging = NOBODY
) -> dict[Key, Done]:
    """What is known of each test, from its newest record back."""
    every = {key: _Back(of) for key, of in heads.items()}
    waiting, step = list(every.values()), 1
    while parts := [(one, part) for one in waiting if (part := one.next(step))]:
        facts = _facts(connection, [head.record_id for _, part in parts for head in part], judged_by)
        for one, part in parts:
            for head in part:
                one.done = _with(one.done, head, facts[head.record_id], today, zone)
        waiting, step = [one for one, _ in parts], 2 * step
    return {key: one.done for key, one in every.items()}


class _Back:
    """One test's records from the newest back, and what is known by those that were looked at."""

    def __init__(self, heads: Iterator[_Head]) -> None:
        self.done = Done()
        self._heads = heads

    def next(self, count: int) -> list[_Head]:
        """So many older ones; fewer, and none in the end, where no older one is of the day that counts."""
        newer = takewhile(lambda head: self.done.day is None or self.done.day - head.taken.date() <= _ZONE, self._heads)
        return list(islice(newer, count))


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


def _with(done: Done, head: _Head, facts: _Facts, today: date, zone: tzinfo | None) -> Done:
    """What is known with one more record, the next older one."""
    day = clock(head.taken, head.dated, facts.notes, zone).date()
    if done.day is not None and day < done.day:
        return done
    if facts.rejected:
        return replace(done, rejected=done.rejected or day) if done.day is None else done
    if day > today:
        return replace(done, ahead=done.ahead or day)
    failed = done.failed or not _BAD.isdisjoint(facts.outcomes)
    if facts.number and facts.outcomes and facts.outcomes <= _DECIDED:
        if facts.looser:
            return replace(done, failed=failed, looser=done.looser or (day if done.day is None else None))
        return replace(done, day=done.day or day, failed=failed)
    return replace(done, failed=failed, unfinished=done.unfinished or (day if done.day is None else None))


_TESTS = text("""
WITH RECURSIVE
    m(machine) AS (
        SELECT min(machine) FROM record
        UNION ALL SELECT (SELECT min(r.machine) FROM record AS r WHERE r.machine > m.machine) FROM m WHERE m.machine IS NOT NULL),
    p(machine, protocol) AS (
        SELECT m.machine, (SELECT min(r.protocol) FROM record AS r WHERE r.machine = m.machine) FROM m WHERE m.machine IS NOT NULL
        UNION ALL SELECT p.machine, (SELECT min(r.protocol) FROM record AS r WHERE r.machine = p.machine AND r.protocol > p.protocol)
        FROM p WHERE p.protocol IS NOT NULL),
    t(machine, protocol, test) AS (
        SELECT p.machine, p.protocol,
            (SELECT min(r.procedure) FROM record AS r WHERE r.machine = p.machine AND r.protocol = p.protocol)
        FROM p WHERE p.protocol IS NOT NULL
        UNION ALL SELECT t.machine, t.protocol,
            (SELECT min(r.procedure) FROM record AS r WHERE r.machine = t.machine AND r.protocol = t.protocol AND r.procedure > t.test)
        FROM t WHERE t.test IS NOT NULL)
SELECT machine, protocol, test FROM t WHERE test IS NOT NULL ORDER BY machine, protocol, test
""")  # SELECT DISTINCT would read every record; by the index each step leads to the next one

_NEWEST = (
    select(_OWN.record_id, tables.TAKEN, _OWN.analysed, _OWN.acquired.is_not(None))
    .where(_OWN.machine == bindparam("machine"), _OWN.protocol == bindparam("protocol"), _OWN.procedure == bindparam("test"))
    .order_by(tables.TAKEN.desc(), _OWN.analysed.desc())
    .offset(bindparam("seen"))
    .limit(bindparam("count"))
)


def _heads(
    connection: Connection, own_name: Callable[[str], str], protocols: Collection[str] | None, machines: Sequence[str] | None = None
) -> dict[Key, Iterator[_Head]]:
    """The records of each test, the one taken last first, read as they are asked for; of a machine's several names together.

    Of machines that are stored under these names, None of all.
    """
    parts: dict[Key, list[Iterator[_Head]]] = defaultdict(list)
    own = cache(own_name)
    for machine, protocol, test in connection.execute(_TESTS).all():
        if (protocols is None or protocol in protocols) and (machines is None or machine in machines):
            parts[own(machine), protocol, test].append(_newest(connection, machine, protocol, test))
    return {key: heapq.merge(*each, key=lambda head: (head.taken, head.analysed), reverse=True) for key, each in parts.items()}


def _newest(connection: Connection, machine: str, protocol: str, test: str) -> Iterator[_Head]:
    """The records of one test under one name of its machine, the one taken last first, ever more at once."""
    seen, count = 0, _AT_FIRST
    of_test = {"machine": machine, "protocol": protocol, "test": test}
    while rows := connection.execute(_NEWEST, {**of_test, "seen": seen, "count": count}).all():
        yield from (_Head(row[0], datetime.fromisoformat(row[1]), datetime.fromisoformat(row[2]), row[3]) for row in rows)
        seen, count = seen + len(rows), 2 * count


def _facts(connection: Connection, record_ids: Sequence[str], judged_by: Judging = NOBODY) -> dict[str, _Facts]:
    found: dict[str, _Facts] = {}
    for some in (record_ids[start : start + _AT_ONCE] for start in range(0, len(record_ids), _AT_ONCE)):
        own, reading = tables.record.c, tables.reading.c
        rows = connection.execute(
            select(own.record_id, own.notes, own.protocol, own.procedure, own.coverage_factor).where(own.record_id.in_(some))
        ).all()
        notes = {row.record_id: row.notes for row in rows}
        heads = {row.record_id: Judged(row.protocol, row.procedure, row.coverage_factor) for row in rows}
        number = select(reading.record_id).where(reading.record_id == own.record_id, reading.value.is_not(None)).exists()
        numbers = select(own.record_id).where(own.record_id.in_(some), number)
        measured = set(connection.scalars(numbers)) - _seen_before(connection, some)
        outcomes = _outcomes(connection, some)
        rejected = acceptance.rejected(connection, some)
        looser = done_limits.short(connection, heads, judged_by) if judged_by else set()
        for one in some:
            found[one] = _Facts(frozenset(outcomes[one]), one in measured, one in rejected, tuple(json.loads(notes[one])), one in looser)
    return found


def _seen_before(connection: Connection, record_ids: Sequence[str]) -> set[str]:
    """Those of images that do not say when they were taken and were measured on an earlier day by the same test: they are not of now."""
    own, older, mine, theirs = tables.record, tables.record.alias(), tables.input_, tables.input_.alias()
    before = older.c.machine == own.c.machine, older.c.procedure == own.c.procedure, older.c.analysed < func.substr(own.c.analysed, 1, 10)
    query = select(own.c.record_id).join(mine, mine.c.record_id == own.c.record_id).join(older, and_(*before))
    query = query.join(theirs, and_(theirs.c.record_id == older.c.record_id, theirs.c.sha256 == mine.c.sha256))
    undated = own.c.record_id.in_(record_ids), own.c.acquired.is_(None), mine.c.used, theirs.c.used
    return set(connection.scalars(query.where(*undated).distinct()))


def _outcomes(connection: Connection, record_ids: Sequence[str]) -> Mapping[str, set[Outcome]]:
    """How each record was judged, and whether two engines disagree about it."""
    found: dict[str, set[Outcome]] = defaultdict(set)

    def look(table: Table, *wanted: Outcome) -> None:
        own = table.c
        query = select(own.record_id, own.outcome).where(own.record_id.in_(record_ids), own.outcome.in_([one.name for one in wanted]))
        for record_id, outcome in connection.execute(query.distinct()).all():
            found[record_id].add(Outcome[outcome])

    look(tables.judgement, *Outcome)
    if version(connection) >= tables.SINCE[tables.comparison]:
        look(tables.comparison, Outcome.DISAGREEMENT)
    return found
