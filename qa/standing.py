"""What a store says of one record beside what is in it: who signed it as what, its place in the chain, and where the chain ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from qa import chain, signing, tables
from qa.accepted_baselines import listed_in
from qa.record import Record, record_hash
from qa.widening import version


@dataclass(frozen=True)
class Place:
    """A link by its number and hash: whoever holds it can tell whether the chain up to there is still the same."""

    number: int
    hash: str


@dataclass(frozen=True)
class Signature:
    """Who said what of the record, when; ``kind`` and ``id`` are those of its link, "" the role where none was asked for.

    ``own_run``: by who performed it themselves.
    """

    kind: str
    id: str
    who: str
    role: str
    meaning: str
    signed: datetime
    comment: str = ""
    own_run: bool = False

    @property
    def said(self) -> str:
        """The meaning, which tells a person's word about their own run from another person's."""
        return f"{self.meaning} (own run)" if self.own_run else self.meaning


@dataclass(frozen=True)
class Standing:
    """``place`` is the record's own link and ``end`` the newest one of all; None in a database of an older version.

    ``stored`` False: no store has spoken of the record.
    """

    record_id: str
    record_hash: str
    place: Place | None = None
    end: Place | None = None
    signatures: tuple[Signature, ...] = ()
    stored: bool = True


def unstored(record: Record) -> Standing:
    """The standing of a record that no store has spoken of."""
    return Standing(record.record_id, record_hash(record), stored=False)


def of(connection: Connection, record: Record) -> Standing:
    """The standing of a stored record now."""
    place, end = (_place(link) for link in (chain.of_record(connection, record.record_id), chain.last(connection)))
    signatures = [*_accepted(connection, record), *_in_baselines(connection, record), *_signed(connection, record)]
    ordered = tuple(sorted(signatures, key=lambda one: one.signed))
    return Standing(record.record_id, record_hash(record), place, end, ordered)


def contradicted(connection: Connection, record: Record, printed: Standing) -> Iterator[str]:
    """Why a report cannot have been printed from this database: of the record's links, and of what was signed by its ``end``."""
    now, link = of(connection, record), chain.of_record(connection, record.record_id)
    if not printed.stored:
        yield "it was printed without a store"
    for what, place in (("the record's link", printed.place), ("the last link when it was printed", printed.end)):
        if place is not None and not chain.has(connection, place.number, place.hash):
            yield f"{what}, number {place.number}, is not in the store any more: its chain was cut or written anew"
    older = printed.place is None and printed.end is None and (link is None or link.kind.startswith(chain.ADOPTED))  # than the chain
    if not older and printed.place != now.place:
        yield f"it names {_named(printed.place)} as the record's, which is {_named(now.place)}"
    if not older and printed.end is None:
        yield "it does not name the last link when it was printed, so nothing says what was signed by then"
    signed = {kind: [one.id for one in now.signatures if one.kind == kind] for kind in chain.EVENTS}
    numbers = {kind: chain.numbers(connection, kind, names) for kind, names in signed.items()}
    for one in now.signatures:
        by_then = printed.end is not None and numbers[one.kind].get(one.id, 0) <= printed.end.number
        if by_then and one not in printed.signatures:
            yield f"it leaves out that {one.who} signed it as {one.said} before it was printed"
        if one in printed.signatures and printed.end is not None and not by_then:
            yield f"it says that {one.who} signed it as {one.said}, which was after the last link that it names"
    yield from (
        f"the store does not know that {one.who} signed it as {one.said}" for one in printed.signatures if one not in now.signatures
    )


def _named(place: Place | None) -> str:
    return f"link {place.number}" if place is not None else "no link"


def _place(link: chain.Link | None) -> Place | None:
    return None if link is None else Place(link.number, link.hash)


def _signed(connection: Connection, record: Record) -> list[Signature]:
    return [
        Signature("sign-off", f"{one.record_id}/{one.idx}", one.who, one.role, one.meaning, one.signed, one.comment, one.own_run)
        for one in signing.found(connection, [record.record_id])[record.record_id]
    ]


def _accepted(connection: Connection, record: Record) -> list[Signature]:
    if version(connection) < tables.SINCE[tables.acceptance]:
        return []
    query = select(tables.acceptance).where(tables.acceptance.c.record_id == record.record_id).order_by(tables.acceptance.c.idx)
    return [_acceptance(dict(row)) for row in connection.execute(query).mappings()]


def _in_baselines(connection: Connection, record: Record) -> list[Signature]:
    """Who made it part of which baseline."""
    if version(connection) < tables.SINCE[tables.accepted_baseline]:
        return []
    listed = tables.accepted_baseline.c.records.contains(record.record_id, autoescape=True)
    rows = connection.execute(select(tables.accepted_baseline).where(listed)).mappings()
    return [_of_baseline(row) for row in map(dict, rows) if record.record_id in [record_id for record_id, *_ in listed_in(row)]]


def _of_baseline(row: dict[str, Any]) -> Signature:
    """Its own comment is the person's, with the device that they name."""
    said = "; ".join(filter(None, [row["because"], row["device"] and f"with {row['device']}"]))
    meaning, when = f"accepted for baseline {row['number']}", datetime.fromisoformat(row["accepted"])
    return Signature("baseline", str(row["number"]), row["who"], "", meaning, when, said)


def _acceptance(row: dict[str, Any]) -> Signature:
    when = datetime.fromisoformat(row["accepted"])
    return Signature("acceptance", chain.event_id("acceptance", row), row["who"], "", "accepted", when, row["comment"])
