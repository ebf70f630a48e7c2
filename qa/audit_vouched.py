"""Whether what an audit decides by is what was stored: its signatures and events fit their links, and no record is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from qa import chain, tables
from qa.plain import encode
from qa.reading import RecordError
from qa.widening import version

_AT_ONCE = 500  # ids in one question to the database
_VERIFY = "there is no audit of it; see igrtqa verify, and restore it from a backup"


def check(connection: Connection, names: Sequence[str], record_ids: Sequence[str], since: datetime) -> None:
    """Nothing in a database without a chain, nor where all of it fits: the signatures of these records; the events, acceptances and
    accepted baselines of the machine of these names; and every record that was stored after the last link from before ``since`` is
    there, of any machine. RecordError else.

    The records themselves are checked where they are opened.
    """
    if version(connection) < tables.SINCE[tables.link]:
        return
    own, link = tables.record.c, tables.link.c
    records = link.kind.in_(("record", f"{chain.ADOPTED}record"))
    there = select(own.record_id).where(own.record_id == link.id).exists()
    older = select(link.number).where(link.linked < encode(datetime, since)).order_by(link.number.desc()).limit(1)  # from the newest back
    recent = link.number > (connection.scalar(older) or 0)
    gone = connection.scalar(select(link.id).where(recent, records, ~there).order_by(link.number).limit(1))
    if gone is not None:
        raise RecordError(f"record {gone} is not stored any more, and it may be of this audit: {_VERIFY}")
    for start in range(0, len(record_ids), _AT_ONCE):
        _signed(connection, record_ids[start : start + _AT_ONCE])
    of_it = own.machine.in_(names)
    put_down = {
        "event": tables.event.c.machine.in_(names),
        "acceptance": select(own.record_id).where(own.record_id == tables.acceptance.c.record_id, of_it).exists(),
        "baseline": tables.accepted_baseline.c.machine.in_(names),
    }
    for kind, which in put_down.items():
        _put_down(connection, kind, which)


def _put_down(connection: Connection, kind: str, which: Any) -> None:
    """What persons said of the machine beside their signatures."""
    rows = {chain.event_id(kind, row): row for row in _rows(connection, chain.EVENTS[kind], which)}
    known = _contents(connection, kind, [*rows])
    for name, row in rows.items():
        if known.get(name) != chain.content_hash(kind, row):
            of = f" of {row['machine']}" if "machine" in row else ""
            raise RecordError(f"{kind} {name}{of} is not what was put down: {_VERIFY}")


def _signed(connection: Connection, record_ids: Sequence[str]) -> None:
    """A signature that is gone leaves its link, one that was put there by force has none: the one after the last is looked for as well."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in _rows(connection, tables.sign_off, tables.sign_off.c.record_id.in_(record_ids)):
        found[row["record_id"]][chain.event_id("sign-off", row)] = chain.content_hash("sign-off", row)
    asked = {f"{record_id}/{number}" for record_id in record_ids for number in range(len(found[record_id]) + 1)}
    known: dict[str, dict[str, str]] = defaultdict(dict)
    for name, content in _contents(connection, "sign-off", sorted(asked | {name for each in found.values() for name in each})).items():
        known[name.rpartition("/")[0]][name] = content
    for record_id in record_ids:
        if found[record_id] != known[record_id]:
            raise RecordError(f"the signatures of record {record_id} are not what was signed: {_VERIFY}")


def _rows(connection: Connection, table: Table, which: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(table).where(which)).mappings()]


def _contents(connection: Connection, kind: str, ids: Sequence[str]) -> dict[str, str]:
    """What the links of these items hold for the hash of their content."""
    own, found = tables.link.c, dict[str, str]()
    for start in range(0, len(ids), _AT_ONCE):
        kinds = own.kind.in_((kind, f"{chain.ADOPTED}{kind}"))
        query = select(own.id, own.content).where(kinds, own.id.in_(ids[start : start + _AT_ONCE]))
        found |= {name: content for name, content in connection.execute(query)}
    return found
