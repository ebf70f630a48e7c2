"""Which records have the same readings, because one was judged again from the other; in the database each names the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Connection, select

from qa import chain, tables
from qa.widening import version

_AT_ONCE = 500  # ids in one question to the database
_NAME, _FORMER = tables.basis.c.record_id, tables.basis.c.judged_again
_AGAIN = select(_NAME, _FORMER).where(_FORMER != "")

Formers = Mapping[str, str]
"""Of a record that was judged again, the record that it was made of."""


def formers(connection: Connection, record_ids: Iterable[str]) -> dict[str, str]:
    """That of these records, and of all that they come from."""
    found: dict[str, str] = {}
    new = list(record_ids) if _known(connection) else []
    while new:
        rows: dict[str, str] = {}
        for some in (new[start : start + _AT_ONCE] for start in range(0, len(new), _AT_ONCE)):
            rows |= {name: former for name, former in connection.execute(_AGAIN.where(_NAME.in_(some)))}
        found |= rows
        new = [former for former in dict.fromkeys(rows.values()) if former not in found]  # a ring can only be forged
    return found


def line(record_id: str, of: Formers) -> Iterator[str]:
    """The record and those that its readings came from, the one that was measured last."""
    yield record_id
    for _ in of:  # no more often, whatever was forged
        if record_id not in of:
            break
        record_id = of[record_id]
        yield record_id


def first(record_id: str, of: Formers) -> str:
    """The record that was measured, of one that was judged again, perhaps several times."""
    *_, measured = line(record_id, of)
    return measured


def same(connection: Connection, record_id: str) -> tuple[str, ...]:
    """The other records of these readings, the one that was measured first."""
    of = _all(connection)
    measured = first(record_id, of)
    found = (measured, *sorted(name for name in of if first(name, of) == measured))
    return tuple(name for name in dict.fromkeys(found) if name != record_id)


def made_of(connection: Connection, record_id: str) -> tuple[str, ...]:
    """The records that came from this one, directly or not."""
    of = _all(connection)
    return tuple(sorted(name for name in of if name != record_id and record_id in line(name, of)))


def stored_after(connection: Connection, kind: str, event: str) -> frozenset[str]:
    """The ids of the records that were linked after that event, whatever a clock said; none where it has no link.

    A record that was judged again was measured when the one was stored that its readings are of.
    """
    number = chain.numbers(connection, kind, (event,)).get(event)
    if number is None:
        return frozenset()
    own, of = tables.link.c, _all(connection)
    found = set(connection.scalars(select(own.id).where(own.number > number, own.kind == "record")))
    return frozenset(one for one in found if first(one, of) in found)


def _all(connection: Connection) -> dict[str, str]:
    return {name: former for name, former in connection.execute(_AGAIN)} if _known(connection) else {}


def _known(connection: Connection) -> bool:
    return version(connection) >= tables.SINCE[tables.basis]
