"""The records in the store: written as a whole, read only as they were written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.schema import CreateIndex

from qa import accepted_baselines, chain, signing, standing, tables
from qa.limit import Judgement, Outcome
from qa.plain import encode
from qa.reading import RecordError
from qa.record import Record, from_json, record_hash, to_json
from qa.rows import from_rows, judgement, time, to_rows
from qa.signing import SignOff
from qa.standing import Standing
from qa.store_opened import Opened
from qa.widening import version, widen


@dataclass(frozen=True)
class Summary:
    """One line about a stored record; ``verdicts`` is the worst outcome per technique, a technique without a limit is absent."""

    record_id: str
    analysed: datetime
    acquired: datetime | None
    procedure: str
    title: str
    machine: str
    phantom: str
    performer: str
    protocol: str
    protocol_title: str
    verdicts: Mapping[str, Outcome]
    signed: tuple[SignOff, ...] = ()


class Records(Opened):
    """What is measured: one record per test and run."""

    def add(self, record: Record) -> str:
        """Stores the record as a whole and returns its id; RecordError when it is there already or the database refuses."""
        rows = to_rows(from_json(to_json(record)))  # as it will be read back: what cannot be read is not stored
        with self._transaction(writing=True) as connection:
            widen(connection)
            if not self._indexed:
                for index in tables.ANY_VERSION:
                    connection.execute(CreateIndex(index, if_not_exists=True))
                self._indexed = True
            if connection.scalar(select(tables.record.c.record_id).where(tables.record.c.record_id == record.record_id)):
                raise RecordError(f"{self.where}: record {record.record_id} is stored already; a new run needs a new record")
            packed = chain.packed_hash(row["data"] for row in rows["evidence"])
            chain.append(connection, "record", record.record_id, rows["record"][0]["record_hash"], packed)
            for table in (*tables.CHILDREN, tables.record):  # the last one closes it
                if rows[table.name]:
                    connection.execute(table.insert(), rows[table.name])
        return record.record_id

    def get(self, record_id: str) -> Record:
        """The record of that id, or of the only id that starts so; RecordError when there is none, several, or it was changed."""
        with self._transaction() as connection:
            return self._get(connection, record_id)

    def _get(self, connection: Connection, record_id: str) -> Record:
        start, column = record_id.strip().lower(), tables.record.c.record_id
        if connection.scalar(select(column).where(column == record_id.strip())) is not None:
            return self._read(connection, record_id.strip())
        starts_so = func.lower(column).startswith(start, autoescape=True)
        found = connection.scalars(select(column).where(starts_so).order_by(column).limit(6)).all()
        found = [full for full in found if full.lower() == start] or found
        if not start or not found:
            raise RecordError(
                f"{self.where}: there is no record {record_id!r}; list the records to see their ids, or name the store that "
                "holds it with --database"
            )
        if len(found) > 1:
            raise RecordError(f"{self.where}: several records start with {record_id!r}: {', '.join(found[:5])}; give more of the id")
        return self._read(connection, found[0])

    def _read(self, connection: Connection, record_id: str) -> Record:
        """The record of that very id, which there is; RecordError when it was changed."""
        stored = rows_of(connection, record_id)
        record, link = from_rows(stored), chain.of_record(connection, record_id)
        if {record_hash(record)} != {stored["record"][0]["record_hash"], *([link.content] if link else [])}:
            raise RecordError(f"{self.where}: record {record_id} was changed after it was stored: do not use it, restore it from a backup")
        return record

    def _linked(self, connection: Connection, record_id: str) -> Record:
        """The record, for a person to sign: RecordError too where no link vouches for it."""
        record = self._get(connection, record_id)
        self._vouched(connection, record.record_id)
        return record

    def _vouched(self, connection: Connection, record_id: str) -> None:
        if chain.of_record(connection, record_id) is None:
            raise RecordError(f"{self.where}: record {record_id} was not put there by this program (it has no link): do not use it")

    def chosen(
        self, machine: str | None = None, procedure: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[str, ...]:
        """The ids of records, the one taken first first: of a machine, of a test, taken from ``since`` on and before ``until``."""
        own = tables.record.c
        taken = func.coalesce(own.acquired, own.analysed)  # both ISO 8601 in UTC: they sort as time
        wanted = [own.procedure == procedure] if procedure is not None else []
        wanted += [taken >= encode(datetime, since)] if since is not None else []
        wanted += [taken < encode(datetime, until)] if until is not None else []
        with self._transaction() as connection:
            if machine is not None:
                wanted.append(own.machine.in_(self._names(connection, machine)))
            return tuple(connection.scalars(select(own.record_id).where(*wanted).order_by(taken, own.record_id)).all())

    def each(self, record_ids: Iterable[str]) -> Iterator[tuple[Record, Standing]]:
        """Those records with their standing, one at a time, all of one moment; RecordError at the first that was changed or has no link."""
        with self._transaction(steady=True) as connection:
            for record_id in record_ids:
                record = self._read(connection, record_id)
                if version(connection) >= tables.SINCE[tables.link]:
                    self._vouched(connection, record_id)
                yield record, standing.of(connection, record)

    def sealed(self, record_id: str) -> tuple[Record, str]:
        """The record of that whole id without its evidence, and the seal of all that is stored of it; RecordError when there is none.

        Nothing is held against its hash: the caller knows the seal that it must have.
        """
        with self._transaction() as connection:
            rows = rows_of(connection, record_id)
            if not rows["record"]:
                raise RecordError(f"{self.where}: there is no record {record_id!r}")
            return accepted_baselines.sealed(rows)

    def list(self, limit: int = 50) -> tuple[Summary, ...]:
        """The newest records first, at most ``limit`` of them."""
        order = (tables.record.c.analysed.desc(), tables.record.c.record_id)
        newest = select(tables.record).order_by(*order).limit(limit)
        wanted = select(tables.record.c.record_id).order_by(*order).limit(limit).scalar_subquery()
        judged = defaultdict(list)
        with self._transaction() as connection:
            rows = [dict(row) for row in connection.execute(newest).mappings()]
            known = tables.columns(tables.judgement, version(connection))
            for row in connection.execute(select(*known).where(tables.judgement.c.record_id.in_(wanted))).mappings():
                judged[row["record_id"]].append(judgement(dict(row)))
            signed = signing.found(connection, [row["record_id"] for row in rows])
        return tuple(_summary(row, judged[row["record_id"]], tuple(signed[row["record_id"]])) for row in rows)


def rows_of(connection: Connection, record_id: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of a record by their table's name."""
    return {table.name: _select(connection, table, record_id) for table in (tables.record, *tables.CHILDREN)}


def _select(connection: Connection, table: Table, record_id: str) -> list[dict[str, Any]]:
    """The rows of a record, in order; none in a database of an older version that has no such table."""
    known = tables.columns(table, version(connection))
    if not known:
        return []
    query = select(*known).where(table.c.record_id == record_id)
    rows = connection.execute(query.order_by(table.c.idx) if "idx" in table.c else query).mappings()
    return [dict(row) for row in rows]


def _summary(row: Mapping[str, Any], judgements: list[Judgement], signed: tuple[SignOff, ...]) -> Summary:
    from qa.protocol import verdicts  # which loads what can be measured, and a trend needs not

    own = {field.name: row[field.name] for field in fields(Summary) if field.name in row}
    own |= {"analysed": datetime.fromisoformat(row["analysed"]), "acquired": time(row["acquired"])}
    return Summary(**own, verdicts=verdicts(judgements), signed=signed)
