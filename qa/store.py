"""The store keeps records in an SQL database that refuses to change or forget them."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Table, func, inspect, select
from sqlalchemy.schema import CreateIndex

from qa import (
    acceptance,
    accepted_baselines,
    audit_rows,
    audit_vouched,
    chain,
    database,
    done,
    events,
    history,
    imported,
    runs,
    signing,
    standing,
    tables,
    verification,
)
from qa.acceptance import Acceptance, Stored
from qa.accepted_baselines import AcceptedBaseline
from qa.audit_period import Period
from qa.events import Event
from qa.imported import Imported, Opinion
from qa.plain import encode
from qa.protocol import Judgement, Outcome, verdicts
from qa.reading import Reading, RecordError
from qa.record import Record, from_json, record_hash, to_json
from qa.rows import from_rows, judgement, time, to_rows
from qa.runs import Run
from qa.signing import SignOff
from qa.standing import Place, Standing
from qa.verification import Verified
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


def default_database() -> str:
    """The database in IGRTQA_DATABASE (a path or an SQLAlchemy URL), else a file of this user's own."""
    if named := os.environ.get("IGRTQA_DATABASE", "").strip():
        return named
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return str(folder / "igrtqa" / "records.sqlite")


class Store:
    """An append-only database of records; every failure is a RecordError that says what to do.

    A record is written in one transaction: after a crash it is there as a whole or not at all. Nothing can be changed or deleted
    through the database (triggers), and a record whose rows were changed by force is refused on reading (its hash does not fit).
    """

    def __init__(self, url: str | Path | URL | None = None, make: bool = True, own_name: Callable[[str], str] = str) -> None:
        """Opens the database, and creates it when it does not exist unless ``make`` is False: ``url`` is a path or an SQLAlchemy URL.

        ``own_name`` says which machine a record is of by the name that it is stored under (a site knows): whatever is asked of a machine
        is asked under all its names. Without it every name is a machine of its own.
        """
        self._own_name = own_name
        self._url = database.location(default_database() if url is None else url)
        self.where = self._url.database if self._url.get_backend_name() == "sqlite" else self._url.render_as_string(hide_password=True)
        if not make and database.missing(self._url):
            raise RecordError(f"{self.where}: there is no such file of records; name the one that there is with --database")
        self._engine = database.engine(self._url, str(self.where))
        self._indexed = False
        with self._transaction() as connection:
            found = set(inspect(connection).get_table_names())
            ours = found & set(tables.metadata.tables)
        if "schema_version" not in ours:
            if ours or (found and self._engine.dialect.name == "sqlite"):
                raise RecordError(f"{self.where}: this database belongs to something else; name another file for the records")
            self._create()
        self._check_version()

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
        start = record_id.strip().lower()
        column = tables.record.c.record_id
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
        stored = _rows(connection, record_id)
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

    def last_days(
        self, today: date | None = None, zone: tzinfo | None = None, protocols: Collection[str] | None = None
    ) -> dict[done.Key, done.Done]:
        """When each machine was last measured, by its own name, protocol (of these, None: all) and procedure, and what does not count.

        ``zone`` is that of the days and of ``today`` (None: now), None this computer's.
        """
        with self._transaction(steady=True) as connection:
            return done.read(connection, self._own_name, today or datetime.now(zone).date(), zone, protocols)

    def done_since(self, service: Event, today: date, zone: tzinfo | None) -> dict[done.Key, done.Done]:
        """The same of one machine, of what was measured since its service was put down and of nothing else."""
        with self._transaction(steady=True) as connection:
            later = chain.stored_after(connection, "event", str(service.number))
            return done.since(connection, self._own_name, self._names(connection, service.machine), service, later, today, zone)

    def stored_after(self, event: Event) -> frozenset[str]:
        """The ids of the records that were stored after that event."""
        with self._transaction() as connection:
            return chain.stored_after(connection, "event", str(event.number))

    def done_by(
        self, machine: str, days: Sequence[date], zone: tzinfo | None, protocols: Collection[str]
    ) -> dict[date, dict[done.Key, done.Done]]:
        """The same of one machine at the end of each of these days, as the records tell it now."""
        with self._transaction() as connection:
            return done.as_of(connection, self._own_name, self._names(connection, machine), days, zone, protocols) if protocols else {}

    def audit_rows(self, machine: str, period: Period, today: date, zone: tzinfo | None) -> audit_rows.Rows:
        """What an audit of the machine reads of its records, by the clock of ``zone``; no record is opened."""
        with self._transaction() as connection:
            return audit_rows.read(connection, self._names(connection, machine), period, today, zone)

    def vouched(self, machine: str, record_ids: Sequence[str], since: datetime) -> Iterator[Record]:
        """Those records of an audit, one at a time; RecordError where anything that it decides by, stored since then, was changed."""
        with self._transaction(steady=True) as connection:
            audit_vouched.check(connection, self._names(connection, machine), record_ids, since)
            yield from (self._read(connection, record_id) for record_id in record_ids)

    def readings(self, record_ids: Sequence[str]) -> dict[tuple[str, int], Reading]:
        """The readings of these records, by record and index, without budgets and flags; no record is opened."""
        with self._transaction() as connection:
            return audit_rows.readings(connection, record_ids)

    def end(self) -> tuple[Place | None, datetime | None]:
        """The newest link of all, and when it was stored; None in a database without a chain."""
        with self._transaction() as connection:
            link = chain.last(connection)
            return (None, None) if link is None else (Place(link.number, link.hash), datetime.fromisoformat(link.linked))

    def accept(self, record_id: str, who: str, comment: str = "") -> Acceptance:
        """A person signs that this record is what the machine shall be compared with, or that its calibration is in force from now on.

        RecordError for nobody's name, a record that failed or was rejected or of which two engines disagree, or one without any number.
        """
        with self._transaction(writing=True) as connection:
            widen(connection)
            record = self._linked(connection, record_id)
            signed = signing.found(connection, [record.record_id])[record.record_id]
            if why := acceptance.unacceptable(record, who, signed):
                raise RecordError(f"{self.where}: record {record.record_id} cannot be accepted: {why}")
            return acceptance.add(connection, record, who.strip(), comment.strip())

    def accept_baseline(
        self, record_ids: Sequence[str], who: str, because: str, device: str = "", renewed: date | None = None
    ) -> AcceptedBaseline:
        """A person makes these records of one test, the one taken last first, what the machine is compared with from now on.

        ``renewed`` is the day of the machine's last service. RecordError for nobody's name, no reason, and a record that is unfit
        (``qa.fit``), rejected or of another machine.
        """
        with self._transaction(writing=True) as connection:
            widen(connection)
            records = [self._linked(connection, record_id) for record_id in record_ids]
            against = acceptance.rejected(connection, [one.record_id for one in records])
            why = next((f"record {name} was {rejection}" for name, rejection in against.items()), "")
            why = why or accepted_baselines.unacceptable(records, who, because, renewed)
            if len({self._own_name(one.machine) for one in records}) > 1:
                why = why or "its records are of several machines"
            if why:
                raise RecordError(f"{self.where}: this cannot become the baseline: {why}")
            seals = [accepted_baselines.sealed(_rows(connection, one.record_id))[1] for one in records]
            return accepted_baselines.add(connection, records, seals, who, because, device)

    def accepted_baselines(self, machine: str | None = None, procedures: Sequence[str] | None = None) -> tuple[AcceptedBaseline, ...]:
        """The baselines that were accepted, the first one first: of one machine and of some procedures only, or of all (None)."""
        with self._transaction() as connection:
            return accepted_baselines.found(connection, None if machine is None else self._names(connection, machine), procedures)

    def sealed(self, record_id: str) -> tuple[Record, str]:
        """The record of that whole id without its evidence, and the seal of all that is stored of it; RecordError when there is none.

        Nothing is held against its hash: the caller knows the seal that it must have.
        """
        with self._transaction() as connection:
            rows = _rows(connection, record_id)
            if not rows["record"]:
                raise RecordError(f"{self.where}: there is no record {record_id!r}")
            return accepted_baselines.sealed(rows)

    def runs(self, machine: str, procedure: str) -> tuple[Run, ...]:
        """The records of one test on one machine, the one taken last first."""
        with self._transaction() as connection:
            return runs.read(connection, self._names(connection, machine), procedure)

    def rejected(self, record_id: str) -> acceptance.Rejection | None:
        """The newest rejection of that record that stands."""
        with self._transaction() as connection:
            return acceptance.rejected(connection, [record_id]).get(record_id)

    def rejections(self, record_ids: Collection[str]) -> dict[str, acceptance.Rejection]:
        """The newest rejection that stands of each of these records that has one."""
        with self._transaction() as connection:
            return acceptance.rejected(connection, record_ids)

    def sign(self, record_id: str, who: str, role: str, meaning: str, comment: str = "", own_run: bool = False) -> SignOff:
        """A person signs this record as performed, reviewed, approved or rejected; what was signed before stays beside it.

        RecordError for nobody's name or role, and for a person who reviews or approves what they performed, unless ``own_run``.
        """
        with self._transaction(writing=True) as connection:
            widen(connection)
            record = self._linked(connection, record_id)
            try:
                return signing.add(connection, record, who, role, meaning, comment, own_run)
            except ValueError as why:
                raise RecordError(f"{self.where}: record {record.record_id} cannot be signed: {why}") from why

    def put_down(self, kind: str, machine: str, about: str, day: date, who: str, text: str) -> Event:
        """A person puts down something of ``qa.events.KINDS`` about a machine, or about a record by its id (then of its machine).

        RecordError for a record that there is not, nobody's name, no reason, and for service that is begun or ended twice.
        """
        with self._transaction(writing=True) as connection:
            widen(connection)
            if kind == events.ACTION:
                record = self._linked(connection, about)
                about, machine = record.record_id, record.machine
            under = events.in_service(self._events(connection, machine))
            if kind == events.SERVICE and under is not None:
                raise RecordError(f"{machine} is under service already, since {under.day} ({under.text}): it is put back first")
            if kind == events.BACK and under is None:
                raise RecordError(f"{machine} is not under service: there is nothing to put back")
            try:
                return events.add(connection, kind, machine, about, day, who, text)
            except ValueError as why:
                raise RecordError(f"{self.where}: this cannot be put down: {why}") from why

    def events(self, machine: str | None = None) -> tuple[Event, ...]:
        """What was put down about a machine, or about all of them, the first one first."""
        with self._transaction() as connection:
            return events.found(connection) if machine is None else self._events(connection, machine)

    def take_in(self, files: Sequence[imported.File]) -> tuple[Imported, ...]:
        """Stores what another program said, all these files or none of them; RecordError, naming the first that cannot be taken in."""
        with self._transaction(writing=True) as connection:
            widen(connection)
            taken_in = []
            for said, taken, lines in files:
                if why := imported.unwritable(connection, said, self._told(connection, said["machine"]), len(lines)):
                    raise RecordError(f"{said['name']}: {why}; nothing was stored")
                taken_in.append(imported.add(connection, said, taken, lines))
            return tuple(taken_in)

    def imported(self, machine: str | None = None) -> tuple[Imported, ...]:
        """What was taken in of a machine, or of all of them, the first one first."""
        with self._transaction() as connection:
            return imported.found(connection, None if machine is None else self._told(connection, machine))

    def opinions(self, machine: str, source: str, name: str) -> tuple[Opinion, ...]:
        """What that program said of a machine under that name, the one taken first first; its hash is not checked."""
        with self._transaction() as connection:
            return imported.opinions(connection, self._told(connection, machine), source, [name])

    def lines(self, files: Sequence[Imported]) -> tuple[Opinion, ...]:
        """All that these files of another program say; their hashes are not checked."""
        with self._transaction() as connection:
            return imported.lines(connection, files)

    def standing(self, record_id: str) -> Standing:
        """What the store says of that record beside what is in it: who signed it, its place in the chain, and the chain's end."""
        with self._transaction(steady=True) as connection:
            return standing.of(connection, self._get(connection, record_id))

    def contradicted(self, printed: Standing) -> tuple[str, ...]:
        """Why a report that says this of a record cannot have been printed from this database; () when it can."""
        with self._transaction(steady=True) as connection:
            return tuple(standing.contradicted(connection, self._get(connection, printed.record_id), printed))

    def verify(self, progress: Callable[[str], None] = lambda text: None) -> Verified:
        """Every record, every event and the whole chain held against each other; nothing is changed, and other programs go on."""
        with self._transaction(steady=True) as connection:
            return verification.check(connection, progress)

    def accepted(self, machine: str | None = None, procedures: Sequence[str] | None = None) -> tuple[Acceptance, ...]:
        """What was accepted, the first one first: of one machine and of some procedures only, or of all there are (None)."""
        with self._transaction() as connection:
            return acceptance.found(connection, None if machine is None else self._names(connection, machine), procedures)

    def newest(self, machine: str, procedures: Sequence[str]) -> Stored | None:
        """The record of that machine, of any of these procedures, with a number in it that was taken last; accepted or not."""
        with self._transaction() as connection:
            return acceptance.newest(connection, self._names(connection, machine), procedures)

    def history(self, machine: str, quantity: str) -> tuple[history.Point, ...]:
        """Every reading of one quantity on one machine, the first one first, with how it was judged; no record's hash is checked."""
        with self._transaction() as connection:
            return history.read(connection, self._names(connection, machine), quantity)

    def machines(self) -> tuple[str, ...]:
        """The machines that have records."""
        with self._transaction() as connection:
            return history.machines(connection)

    def quantities(self, machine: str) -> tuple[str, ...]:
        """The quantities that a machine's records know, measured or not."""
        with self._transaction() as connection:
            return history.quantities(connection, self._names(connection, machine))

    def names(self, machine: str) -> tuple[str, ...]:
        """The names that records of the machine are stored under, and the given one."""
        with self._transaction() as connection:
            return self._names(connection, machine)

    def _names(self, connection: Connection, machine: str) -> tuple[str, ...]:
        own = self._own_name(machine)
        return tuple(sorted({machine, *(name for name in history.machines(connection) if self._own_name(name) == own)}))

    def _events(self, connection: Connection, machine: str) -> tuple[Event, ...]:
        """What was put down about the machine under any name of it, also one that no record has."""
        own = self._own_name(machine)
        return tuple(one for one in events.found(connection) if self._own_name(one.machine) == own)

    def _told(self, connection: Connection, machine: str) -> tuple[str, ...]:
        """The names that another program's word may be kept under: those of the machine's records, and its own."""
        return *self._names(connection, machine), self._own_name(machine)

    def _create(self) -> None:
        with self._transaction(writing=True) as connection:
            database.alone(connection)
            if "schema_version" in inspect(connection).get_table_names():
                return  # another process was faster
            tables.metadata.create_all(connection, checkfirst=False)
            for statement in tables.triggers(connection.dialect.name):
                connection.exec_driver_sql(statement)
            connection.execute(tables.schema_version.insert(), {"version": tables.SCHEMA_VERSION})

    def _check_version(self) -> None:
        with self._transaction() as connection:
            found = version(connection)
        if not 1 <= found <= tables.SCHEMA_VERSION:
            known = f"this program knows versions 1 to {tables.SCHEMA_VERSION}"
            raise RecordError(f"{self.where}: the records are of version {found}, {known}; update the program")

    @contextmanager
    def _transaction(self, writing: bool = False, steady: bool = False) -> Iterator[Connection]:
        """``steady``: what other programs write meanwhile is not seen, as always in SQLite."""
        with database.refusals(str(self.where)), self._engine.connect() as plain:
            connection = plain.execution_options(igrtqa_writing=writing)
            if steady and self._engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                database.settle(connection)
                yield connection


def _rows(connection: Connection, record_id: str) -> dict[str, list[dict[str, Any]]]:
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
    own = {field.name: row[field.name] for field in fields(Summary) if field.name in row}
    own |= {"analysed": datetime.fromisoformat(row["analysed"]), "acquired": time(row["acquired"])}
    return Summary(**own, verdicts=verdicts(judgements), signed=signed)
