"""What an audit reads of a machine's records: heads of twelve months, judgements of the period, numbers without their evidence."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Select, func, select

from qa import acceptance, same_readings, signing, tables
from qa.audit_period import Period
from qa.chain import ADOPTED
from qa.done import clock
from qa.history import reading_from
from qa.limit import Baseline, Judgement, Outcome
from qa.plain import encode
from qa.reading import Identity, Quantity, Reading, RecordError, identity
from qa.rows import baseline, judgement
from qa.signing import SignOff
from qa.widening import version

_AT_ONCE = 500  # ids in one question to the database
_AROUND = timedelta(days=2)  # a day of the clinic may be another one in UTC, and files without a time zone have their own clock's
_OWN = ("record_id", "procedure", "procedure_version", "procedure_title", "title", "machine", "performer", "protocol", "protocol_title")
_WHAT = ("quantity", "unit", "meaning", "source")


@dataclass(frozen=True)
class Head:
    """What a record says of itself: ``day`` is that of the clinic's clock (``at``); ``k`` that of its decisions.

    ``left`` is why it decides nothing, "" where it counts: somebody rejected it, or it is dated later than today. ``measured_as`` is the
    record that its readings were measured for, which is itself unless it was judged again.
    """

    record_id: str
    procedure: str
    procedure_version: str
    procedure_title: str
    title: str
    machine: str
    performer: str
    protocol: str
    protocol_title: str
    k: float
    at: datetime
    analysed: datetime
    versions: tuple[tuple[str, str], ...]
    signed: tuple[SignOff, ...]
    left: str
    measured_as: str

    @property
    def judged_again(self) -> bool:
        """Whether nothing was measured for it."""
        return self.measured_as != self.record_id

    @property
    def day(self) -> date:
        """The day on which it was taken."""
        return self.at.date()

    @property
    def test(self) -> str:
        """Its test in words."""
        return self.procedure_title or self.procedure.replace("_", " ")


@dataclass(frozen=True)
class Number:
    """A reading as far as its course needs it: ``of`` is what it is of, ``value`` None where it was not measured."""

    record_id: str
    index: int
    quantity: str
    of: Identity
    unit: str
    value: float | None


@dataclass(frozen=True)
class Rows:
    """``heads`` are of the twelve months that end with the period, the one taken first first, and ``numbers`` what they hold.

    Of the period's records: their ``judgements``, and how two engines disagree about each (``apart``, words). ``outside`` says how a
    number of any of the months came out that is not a pass, by (record, index), and ``meanings`` what a (procedure, quantity) is.
    """

    heads: tuple[Head, ...]
    numbers: tuple[Number, ...]
    judgements: Mapping[str, tuple[Judgement, ...]]
    apart: Mapping[str, tuple[str, ...]]
    outside: Mapping[tuple[str, int], Outcome]
    meanings: Mapping[tuple[str, str], str]


def read(connection: Connection, names: Sequence[str], period: Period, today: date, zone: tzinfo | None) -> Rows:
    """All of it for the machine of these names; ``zone`` is that of its days and of ``today``, None this computer's.

    RecordError where a record of the period is in no link of the chain.
    """
    heads = tuple(one for one in _heads(connection, names, period, today, zone) if period.since <= one.day <= period.last)
    every, own = [one.record_id for one in heads], [one.record_id for one in heads if one.day >= period.first]
    if unlinked := _unlinked(connection, own):
        raise RecordError(f"record {unlinked[0]} was not put there by this program (it has no link): do not use it; see igrtqa verify")
    meanings: dict[tuple[str, str], str] = {}
    outside: dict[tuple[str, int], Outcome] = {}
    for some in _parts(own):
        meanings |= _meanings(connection, some)
    for some in _parts(every):
        outside |= _outside(connection, some)
    return Rows(heads, tuple(_numbers(connection, every)), _judgements(connection, own), _apart(connection, own), outside, meanings)


def readings(connection: Connection, record_ids: Sequence[str]) -> dict[tuple[str, int], Reading]:
    """Every reading of these records, by (record, index); budgets and flags are left in the store."""
    own, found = tables.reading.c, {}
    for some in _parts(record_ids):
        wanted = (
            own.record_id,
            own.idx,
            *(own[name] for name in _WHAT),
            own.value,
            own.u,
            own.low,
            own.high,
            own.missing,
            own.reason,
            own.at,
        )
        for record_id, index, *rest in connection.execute(select(*wanted).where(own.record_id.in_(some))):
            what, (value, u, low, high, missing, reason, at) = Quantity(*rest[: len(_WHAT)]), rest[len(_WHAT) :]
            found[record_id, index] = reading_from(what, value, u, None if low is None else (low, high), missing, reason, at)
    return found


def _heads(connection: Connection, names: Sequence[str], period: Period, today: date, zone: tzinfo | None) -> list[Head]:
    own = tables.record.c
    taken = func.coalesce(own.acquired, own.analysed)
    low, high = (encode(datetime, datetime(day.year, day.month, day.day, tzinfo=UTC) + sign * _AROUND) for day, sign in _ends(period))
    wanted = (*(own[name] for name in _OWN), own.coverage_factor, own.acquired, own.analysed, own.versions, own.notes)
    query: Select[Any] = select(*wanted).where(own.machine.in_(names), taken >= low, taken <= high)
    rows = connection.execute(query.order_by(taken, own.analysed, own.record_id)).all()
    signed: dict[str, list[SignOff]] = {}
    against: dict[str, acceptance.Rejection] = {}
    for some in _parts([row.record_id for row in rows]):
        signed |= signing.found(connection, some)
        against |= acceptance.rejected(connection, some)
    of = same_readings.formers(connection, [row.record_id for row in rows])
    made = (
        _head(row, tuple(signed.get(row.record_id, ())), today, zone, same_readings.first(row.record_id, of), against.get(row.record_id))
        for row in rows
    )
    return sorted(made, key=lambda one: one.at)


def _ends(period: Period) -> tuple[tuple[date, int], tuple[date, int]]:
    return (period.since, -1), (period.last + timedelta(days=1), 1)


def _head(
    row: Any, signed: tuple[SignOff, ...], today: date, zone: tzinfo | None, measured_as: str, against: acceptance.Rejection | None
) -> Head:
    analysed = datetime.fromisoformat(row.analysed)
    taken = analysed if row.acquired is None else datetime.fromisoformat(row.acquired)
    at = clock(taken, row.acquired is not None, json.loads(row.notes), zone)
    versions = tuple((str(name), str(number)) for name, number in json.loads(row.versions))
    own: dict[str, Any] = {name: getattr(row, name) for name in _OWN}
    left = _left(signed, against, at.date(), today)
    return Head(
        **own, k=row.coverage_factor, at=at, analysed=analysed, versions=versions, signed=signed, left=left, measured_as=measured_as
    )


def _left(signed: Sequence[SignOff], against: acceptance.Rejection | None, day: date, today: date) -> str:
    own = [f"rejected by {one.who}{f' ({one.comment})' if one.comment else ''}" for one in signing.rejections(signed)]
    of_readings = [str(against)] if against is not None and against.former else []
    return "; ".join([*own, *of_readings, *(["dated later than today: a clock is wrong"] if day > today else [])])


def _numbers(connection: Connection, record_ids: Sequence[str]) -> Iterable[Number]:
    own = tables.reading.c
    known: dict[str, Identity] = {}
    for some in _parts(record_ids):
        query = select(own.record_id, own.idx, own.quantity, own.at, own.unit, own.value).where(own.record_id.in_(some))
        for record_id, index, quantity, at, unit, value in connection.execute(query.order_by(own.record_id, own.idx)):
            if at not in known:
                known[at] = identity(json.loads(at))
            yield Number(record_id, index, quantity, known[at], unit, value)


def _judgements(connection: Connection, record_ids: Sequence[str]) -> dict[str, tuple[Judgement, ...]]:
    found: dict[str, list[Judgement]] = defaultdict(list)
    known = version(connection)
    own = tables.judgement.c
    held: dict[tuple[str, int], Baseline] = {}
    for some in _parts(record_ids):
        if known >= tables.SINCE[tables.baseline]:
            kept = select(tables.baseline).where(tables.baseline.c.record_id.in_(some))
            held |= {(row["record_id"], row["idx"]): baseline(dict(row)) for row in connection.execute(kept).mappings()}
        query = select(*tables.columns(tables.judgement, known)).where(own.record_id.in_(some)).order_by(own.record_id, own.idx)
        for row in connection.execute(query).mappings():
            made = judgement(dict(row))
            found[row["record_id"]].append(replace(made, baseline=held.get((row["record_id"], row["idx"]))))
    return {name: tuple(each) for name, each in found.items()}


def _unlinked(connection: Connection, record_ids: Sequence[str]) -> list[str]:
    """Those that no link vouches for, which only force can have put there; none in a database of a version without a chain."""
    if version(connection) < tables.SINCE[tables.link]:
        return []
    own, linked = tables.link.c, set()
    for some in _parts(record_ids):
        kinds = own.kind.in_(("record", f"{ADOPTED}record"))
        linked |= set(connection.scalars(select(own.id).where(own.id.in_(some), kinds)))
    return [record_id for record_id in record_ids if record_id not in linked]


def _apart(connection: Connection, record_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What two engines disagree about, in words, per record."""
    found: dict[str, list[str]] = defaultdict(list)
    if version(connection) < tables.SINCE[tables.comparison]:
        return {}
    own = tables.comparison.c
    for some in _parts(record_ids):
        query = select(own.record_id, own.quantity, own.reason).where(own.record_id.in_(some), own.outcome == Outcome.DISAGREEMENT.name)
        for record_id, quantity, reason in connection.execute(query.order_by(own.record_id, own.idx)):
            found[record_id].append(f"{quantity.replace('_', ' ')}, two engines: {reason}")
    return {name: tuple(dict.fromkeys(each)) for name, each in found.items()}


def _outside(connection: Connection, record_ids: Sequence[str]) -> dict[tuple[str, int], Outcome]:
    own = tables.judgement.c
    bad = (own.record_id.in_(record_ids), own.reading >= 0, own.outcome != Outcome.PASS.name)
    found: dict[tuple[str, int], Outcome] = {}
    for record_id, index, outcome in connection.execute(select(own.record_id, own.reading, own.outcome).where(*bad)):
        found[record_id, index] = max(Outcome[outcome], found.get((record_id, index), Outcome.PASS))
    return found


def _meanings(connection: Connection, record_ids: Sequence[str]) -> dict[tuple[str, str], str]:
    own = tables.reading.c
    query = select(own.procedure, own.quantity, own.meaning).where(own.record_id.in_(record_ids)).distinct()
    return {(procedure, quantity): meaning for procedure, quantity, meaning in connection.execute(query.order_by(own.meaning))}


def _parts(record_ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (record_ids[start : start + _AT_ONCE] for start in range(0, len(record_ids), _AT_ONCE))
