"""A person accepts a baseline made of one record or several: from then on, until the next one, the machine is compared with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from qa import acceptance, chain, tables
from qa.acceptance import Rejection, Stored
from qa.fit import unfit
from qa.names import several, words
from qa.plain import canonical, encode
from qa.reading import RecordError
from qa.record import Record, record_hash
from qa.rows import from_rows
from qa.widening import version


@dataclass(frozen=True)
class Member:
    """One record of a baseline; ``record_hash`` is its own when it was accepted, ``seal`` what its rows came to (``sealed``)."""

    record: Stored
    record_hash: str
    seal: str
    rejected: Rejection | None = None


@dataclass(frozen=True)
class AcceptedBaseline:
    """Who made which records the baseline, when, why, and with which ``device``; the record taken last comes first.

    ``number`` is its place among all of them, which is that of their precedence: the newest one counts.
    """

    number: int
    machine: str
    procedure: str
    members: tuple[Member, ...]
    who: str
    accepted: datetime
    device: str
    because: str

    @property
    def name(self) -> str:
        """What a judgement calls the mean of it."""
        return f"baseline {self.number}"

    @property
    def broken(self) -> str:
        """Why it counts no more, "" when it does: nothing is taken out of it, and nothing else takes its place."""
        gone = (f"its record {one.record.record_id} was {one.rejected}" for one in self.members if one.rejected is not None)
        return next(gone, "")


def unacceptable(records: Sequence[Record], who: str, because: str, renewed: date | None) -> str:
    """Why this person cannot make these records the baseline, "" when they can; ``renewed`` as in ``qa.fit.unfit``."""
    if not words(who):
        return "say who accepts it, with --by NAME"
    if several(who):
        return f"{who!r} names several persons; one of them accepts it, as Given Surname"
    if not because.strip():
        return "say why, with --because, for those who read it later"
    if not records or len({one.record_id for one in records}) < len(records):
        return "it needs at least one record, each once"
    if len({(one.procedure, one.procedure_version) for one in records}) > 1:
        return "its records are of several tests, or of several versions of one: their numbers are not compared"
    return next((f"record {one.record_id}: {why}" for one in records if (why := unfit(one, renewed))), "")


def sealed(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Record, str]:
    """The record in these rows without its evidence, and a SHA-256 of all of them: the evidence as packed, which takes long to unpack."""
    record = from_rows({**rows, "evidence": ()})
    packed = chain.packed_hash(row["data"] for row in rows["evidence"])
    return record, chain.sha256(canonical([rows["record"][0]["record_hash"], record_hash(record), packed]).encode())


def add(connection: Connection, records: Sequence[Record], seals: Sequence[str], who: str, because: str, device: str) -> AcceptedBaseline:
    """Writes it just now, in the caller's transaction; the records, the one taken last first, are what ``unacceptable`` let through."""
    now, before = chain.clock(), connection.scalar(select(func.max(tables.accepted_baseline.c.number))) or 0
    row: dict[str, Any] = {"number": before + 1, "machine": records[0].machine, "procedure": records[0].procedure}
    row |= {
        "records": canonical([[one.record_id, record_hash(one), seal] for one, seal in zip(records, seals, strict=True)]),
        "accepted": encode(datetime, now),
    }
    row |= {name: encode(str, said.strip()) for name, said in (("who", who), ("because", because), ("device", device))}
    chain.add_event(connection, "baseline", row, now)
    (made,) = (one for one in found(connection, [records[0].machine]) if one.number == before + 1)
    return made


def found(
    connection: Connection, machines: Sequence[str] | None = None, procedures: Sequence[str] | None = None
) -> tuple[AcceptedBaseline, ...]:
    """Those of a machine (its names) and of some procedures, or all (None), the first one first; none in an older database."""
    if version(connection) < tables.SINCE[tables.accepted_baseline]:
        return ()
    own = tables.accepted_baseline.c
    query = select(tables.accepted_baseline).order_by(own.number)
    if machines is not None:
        query = query.where(own.machine.in_(machines))
    if procedures is not None:
        query = query.where(own.procedure.in_(procedures))
    rows = [dict(row) for row in connection.execute(query).mappings()]
    listed = {row["number"]: listed_in(row) for row in rows}
    wanted = {record_id for each in listed.values() for record_id, *_ in each}
    stored, against = acceptance.stored(connection, wanted), acceptance.rejected(connection, wanted)
    return tuple(_made(row, listed[row["number"]], stored, against) for row in rows)


def listed_in(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The id, the hash and the seal of each record that the row lists; RecordError when it lists none."""
    try:
        return [(str(record_id), str(own), str(seal)) for record_id, own, seal in json.loads(row["records"])]
    except (ValueError, TypeError) as error:
        raise RecordError(f"baseline {row['number']} was changed after it was stored (igrtqa verify): restore it from a backup") from error


def _made(
    row: Mapping[str, Any], listed: Iterable[tuple[str, str, str]], stored: Mapping[str, Stored], against: Mapping[str, Rejection]
) -> AcceptedBaseline:
    own = {name: row[name] for name in ("number", "machine", "procedure", "who", "device", "because")}
    try:
        members = tuple(Member(stored[record_id], known, seal, against.get(record_id)) for record_id, known, seal in listed)
    except KeyError as error:
        raise RecordError(f"baseline {row['number']} is of record {error.args[0]}, which is gone: restore it from a backup") from error
    return AcceptedBaseline(**own, members=members, accepted=datetime.fromisoformat(row["accepted"]))
