"""A chain of hashes through all that is stored, in order of storing: what is changed, removed or put in past the store breaks it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from qa import tables
from qa.plain import canonical, encode
from qa.widening import version

BEFORE_THE_FIRST = "0" * 64  # what the first link holds for the hash of the one before it
EVENTS = {  # what persons say, by the kind of its link
    "acceptance": tables.acceptance,
    "sign-off": tables.sign_off,
    "event": tables.event,
    "baseline": tables.accepted_baseline,
}
BESIDE = {**EVENTS, "imported": tables.imported}  # all that is stored beside records
ADOPTED = "adopted "
_FEW = 500  # names that one question may list: SQLite takes some 32,000, and PostgreSQL would plan long


@dataclass(frozen=True)
class Link:
    """One stored item and what was stored before it.

    ``content`` is the SHA-256 of the item's canonical JSON, ``packed`` that of its evidence as stored ("" for an event), ``linked`` the
    time of storing (ISO 8601, UTC). An adopted item was stored before the database had a chain: nothing vouches for it before ``linked``.
    """

    number: int
    kind: str
    id: str
    linked: str
    content: str
    packed: str
    previous: str
    hash: str


def link_hash(link: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of all that a link says beside its own hash."""
    return sha256(canonical({key: value for key, value in link.items() if key != "hash"}).encode())


def content_hash(kind: str, row: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of an event's row; of an import's with all its lines as "opinions"."""
    return sha256(canonical({"schema": f"igrtqa-{kind}", **row}).encode())


def packed_hash(blobs: Iterable[bytes]) -> str:
    """SHA-256 over the SHA-256 of every piece of evidence as stored, in order."""
    return sha256(canonical([sha256(blob) for blob in blobs]).encode())


def clock() -> datetime:
    """What time it is, for all that is stored now."""
    return datetime.now(UTC)


def sha256(content: bytes) -> str:
    """The SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def event_id(kind: str, row: Mapping[str, Any]) -> str:
    """What a link calls it: of what a person said of a record, the record's id and which one of its; else the number."""
    return "/".join(str(row[key.name]) for key in BESIDE[kind].primary_key)


def last(connection: Connection) -> Link | None:
    """The newest link; None in an empty database and in one of an older version."""
    return _one(connection, tables.link.c.number > 0)


def of_record(connection: Connection, record_id: str) -> Link | None:
    """The newest link of that record; None when it has none, and in a database of an older version."""
    return _one(connection, (tables.link.c.id == record_id) & tables.link.c.kind.in_(("record", f"{ADOPTED}record")))


def has(connection: Connection, number: int, own: str) -> bool:
    """Whether the link of that number has that hash."""
    return (found := _one(connection, tables.link.c.number == number)) is not None and found.hash == own


def numbers(connection: Connection, kind: str, of: Collection[str] | None = None) -> dict[str, int]:
    """The numbers of all links of events of that kind, by what a link calls an event; none in a database of an older version.

    Where only those of some events are wanted and they are few, no other link is read.
    """
    if version(connection) < tables.SINCE[tables.link]:
        return {}
    query = select(tables.link.c.id, tables.link.c.number).where(tables.link.c.kind.in_((kind, f"{ADOPTED}{kind}")))
    if of is not None and len(of) <= _FEW:
        query = query.where(tables.link.c.id.in_(of))
    return {name: number for name, number in connection.execute(query)}


def _one(connection: Connection, which: Any) -> Link | None:
    if version(connection) < tables.SINCE[tables.link]:
        return None
    row = connection.execute(select(tables.link).where(which).order_by(tables.link.c.number.desc()).limit(1)).mappings().first()
    return None if row is None else Link(**row)


def append(connection: Connection, kind: str, item: str, content: str, packed: str = "", now: datetime | None = None) -> Link:
    """Links an item that the caller stores in the same transaction, which no other writer can overlap."""
    before = last(connection)
    return _insert(connection, before, kind, item, content, packed, now or clock())


def add_event(connection: Connection, kind: str, row: Mapping[str, Any], now: datetime) -> None:
    """Stores what a person says, and its link."""
    connection.execute(EVENTS[kind].insert(), dict(row))
    append(connection, kind, event_id(kind, row), content_hash(kind, row), now=now)


def following(before: Link | None, kind: str, item: str, content: str, packed: str, now: datetime) -> Link:
    """The link of an item that is stored after that link."""
    row: dict[str, Any] = {"number": before.number + 1 if before else 1, "kind": kind, "id": item, "linked": encode(datetime, now)}
    row |= {"content": content, "packed": packed, "previous": before.hash if before else BEFORE_THE_FIRST}
    return Link(**row, hash=link_hash(row))


def _insert(connection: Connection, before: Link | None, kind: str, item: str, content: str, packed: str, now: datetime) -> Link:
    made = following(before, kind, item, content, packed, now)
    connection.execute(tables.link.insert(), vars(made))
    return made


def adopt(connection: Connection) -> None:
    """Links what an older database holds, in the order of its times, as adopted.

    A record's content is the hash that it was stored with, so that one which was changed since does not fit its link either.
    """
    record, evidence = tables.record.c, tables.evidence.c
    items: list[tuple[str, int, str, int, str, str]] = []  # sorts: time, records before events, id, index; kind and content follow
    for analysed, record_id, record_hash in connection.execute(select(record.analysed, record.record_id, record.record_hash)):
        items.append((analysed, 0, record_id, 0, "record", record_hash))
    for event in connection.execute(select(tables.acceptance)).mappings():
        row = dict(event)
        items.append((row["accepted"], 1, row["record_id"], row["idx"], "acceptance", content_hash("acceptance", row)))
    now, before = clock(), None
    for _, _, record_id, index, kind, content in sorted(items):
        if kind == "record":
            blobs = connection.scalars(select(evidence.data).where(evidence.record_id == record_id).order_by(evidence.idx))
            before = _insert(connection, before, f"{ADOPTED}{kind}", record_id, content, packed_hash(blobs), now)
        else:
            before = _insert(connection, before, f"{ADOPTED}{kind}", f"{record_id}/{index}", content, "", now)
