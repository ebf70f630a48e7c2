"""A person accepts a record: it is what the machine is compared with from then on, and a calibration comes into force with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from qa import chain, same_readings, signing, tables
from qa.limit import Outcome
from qa.plain import encode
from qa.reading import Measured
from qa.record import Record, record_hash
from qa.rows import time
from qa.signing import SignOff
from qa.widening import version

STATED = ("record_id", "procedure", "procedure_version", "title", "machine", "acquired", "analysed")  # of the record itself


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
class Rejection:
    """What takes an acceptance back: a person rejected its record and has said nothing else of it since.

    ``former`` is the record that was rejected where that is another one, which had the same readings.
    """

    who: str
    signed: datetime
    comment: str
    number: int  # of its link
    former: str = ""

    def __str__(self) -> str:
        """By whom and when, and why if they said so."""
        said = f"rejected by {self.who} on {_day(self.signed)}{f' ({self.comment})' if self.comment else ''}"
        return f"{said} as record {self.former}, whose readings it has" if self.former else said


@dataclass(frozen=True)
class Acceptance:
    """Who accepted which record, and when; ``record_hash`` is the record's own at that time.

    ``number`` is that of its link, 0 where it has none. One whose record is ``rejected`` counts no more.
    """

    record: Stored
    record_hash: str
    who: str
    accepted: datetime
    comment: str = ""
    number: int = 0
    rejected: Rejection | None = None


def unacceptable(record: Record, who: str, signed: Sequence[SignOff] = ()) -> str:
    """Why this person cannot accept this record, "" when they can; ``signed`` is what was signed of it."""
    if not who.strip():
        return "say who accepts it, with --by NAME"
    if against := signing.rejections(signed):
        said = "; ".join(str(Rejection(one.who, one.signed, one.comment, 0)) for one in against)
        return f"it was {said}: accept another record, or let them sign it as reviewed or approved first"
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
    """The acceptances of a machine (its names) and of some procedures, or of all (None), the first one first; none in an older database.

    The order is that of the chain, whatever a clock said; one that is in no link of a chain comes last.
    """
    if version(connection) < tables.SINCE[tables.acceptance]:
        return ()
    event = tables.acceptance.c
    query: Select[Any] = select(*_columns(), event.idx, event.record_hash, event.who, event.accepted, event.comment)
    query = query.join_from(tables.acceptance, tables.record, event.record_id == tables.record.c.record_id)
    query = query.where(tables.record.c.record_id.in_(select(event.record_id)))  # so that few are looked at:
    if machines is not None:
        query = query.where((tables.record.c.machine + "").in_(machines))  # not all records of the machine, by its index
    if procedures is not None:
        query = query.where((tables.record.c.procedure + "").in_(procedures))
    rows = connection.execute(query.order_by(event.accepted, event.record_id, event.idx)).mappings().all()
    numbers = chain.numbers(connection, "acceptance", [f"{row['record_id']}/{row['idx']}" for row in rows])
    against = rejected(connection, {row["record_id"] for row in rows})
    made = [
        Acceptance(
            as_stored(row),
            row["record_hash"],
            row["who"],
            datetime.fromisoformat(row["accepted"]),
            row["comment"],
            numbers.get(f"{row['record_id']}/{row['idx']}", 0),
            against.get(row["record_id"]),
        )
        for row in rows
    ]
    return tuple(sorted(made, key=lambda one: one.number or math.inf))  # of one number all are 0: those of an older database


def rejected(connection: Connection, record_ids: Iterable[str]) -> dict[str, Rejection]:
    """The newest rejection that stands of each of these records; of one that was judged again, else that of one that its readings are of.

    Unless that one failed: who rejects a failure may mean its limits, who rejects anything else means what was measured.
    """
    wanted = set(record_ids)
    of = same_readings.formers(connection, wanted)
    standing = {name: signing.rejections(signed) for name, signed in signing.found(connection, wanted | set(of.values())).items()}
    if not any(standing.values()):
        return {}
    numbers = chain.numbers(connection, "sign-off", [f"{name}/{one.idx}" for name, against in standing.items() for one in against])
    made = {
        name: [Rejection(one.who, one.signed, one.comment, numbers.get(f"{name}/{one.idx}", 0)) for one in against]
        for name, against in standing.items()
    }
    own = {name: max(each, key=lambda one: one.number) for name, each in made.items() if each}
    failed = _failed(connection, own.keys() & set(of.values()))
    found = {}
    for name in wanted:
        line = (one for one in same_readings.line(name, of) if one in own and (one == name or one not in failed))
        if (one := next(line, None)) is not None:
            found[name] = own[one] if one == name else replace(own[one], former=one)
    return found


def _failed(connection: Connection, record_ids: Iterable[str]) -> set[str]:
    """Those in which a limit failed."""
    own = tables.judgement.c
    query = select(own.record_id).where(own.record_id.in_(list(record_ids)), own.outcome == Outcome.FAIL.name)
    return set(connection.scalars(query.distinct()))


def lasting(accepted: Iterable[Acceptance]) -> Iterator[Acceptance]:
    """Those that count, in the order given, which is that of their precedence.

    Nothing slips into the place of one that was rejected: what comes after it counts only where somebody accepted it later than that.
    """
    since = 0
    for one in accepted:
        if one.rejected is not None:
            since = max(since, one.rejected.number)
        elif one.number >= since:
            yield one


def counts_no_more(accepted: Iterable[Acceptance]) -> str:
    """The first of these that counts no more, and why; "" when all count."""
    named = (f"record {one.record.record_id}, which {one.who} accepted, was {one.rejected}" for one in accepted if one.rejected is not None)
    return next(named, "")


def newest(connection: Connection, machines: Sequence[str], procedures: Sequence[str]) -> Stored | None:
    """The record of a machine, by its names, with a number in it that was taken last."""
    own, reading = tables.record.c, tables.reading.c
    number = select(reading.record_id).where(reading.record_id == own.record_id, reading.value.is_not(None)).exists()
    query = select(*_columns()).where(own.machine.in_(machines), own.procedure.in_(procedures), number)
    order = (func.coalesce(own.acquired, own.analysed).desc(), own.record_id)
    row = connection.execute(query.order_by(*order).limit(1)).mappings().first()
    return None if row is None else as_stored(row)


def _columns() -> list[Any]:
    return [tables.record.c[name] for name in STATED]


def stored(connection: Connection, record_ids: Iterable[str]) -> dict[str, Stored]:
    """Those of these records that there are, by their ids."""
    query = select(*_columns()).where(tables.record.c.record_id.in_(list(record_ids)))
    return {row["record_id"]: as_stored(row) for row in connection.execute(query).mappings()}


def as_stored(row: Mapping[Any, Any]) -> Stored:
    """The record in a row that has what is ``STATED``."""
    own = {name: row[name] for name in STATED}
    return Stored(**own | {"acquired": time(row["acquired"]), "analysed": datetime.fromisoformat(row["analysed"])})


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d}"
