"""What is asked of many records at once, in the database's own rows; no record is opened but for an audit's check."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, tzinfo

from qa import acceptance, audit_rows, audit_vouched, done, history, runs, same_readings
from qa.acceptance import Stored
from qa.audit_period import Period
from qa.events import Event
from qa.reading import Reading
from qa.record import Record
from qa.runs import Run
from qa.store_records import Records


class Asked(Records):
    """What the records of a machine tell: the course of a number, when a test was last done, what an audit reads."""

    def machines(self) -> tuple[str, ...]:
        """The machines that have records."""
        with self._transaction() as connection:
            return history.machines(connection)

    def quantities(self, machine: str) -> tuple[str, ...]:
        """The quantities that a machine's records know, measured or not."""
        with self._transaction() as connection:
            return history.quantities(connection, self._names(connection, machine))

    def history(self, machine: str, quantity: str) -> tuple[history.Point, ...]:
        """Every reading of one quantity on one machine, the first one first, with how it was judged; no record's hash is checked."""
        with self._transaction(steady=True) as connection:
            return history.read(connection, self._names(connection, machine), quantity)

    def newest(self, machine: str, procedures: Sequence[str]) -> Stored | None:
        """The record of that machine, of any of these procedures, with a number in it that was taken last; accepted or not."""
        with self._transaction() as connection:
            return acceptance.newest(connection, self._names(connection, machine), procedures)

    def runs(self, machine: str, procedure: str) -> tuple[Run, ...]:
        """The records of one test on one machine, the one taken last first."""
        with self._transaction() as connection:
            return runs.read(connection, self._names(connection, machine), procedure)

    def judged_again(self, record_id: str) -> tuple[str, ...]:
        """The records that came from that one by judging its readings again, directly or not."""
        with self._transaction() as connection:
            return same_readings.made_of(connection, record_id)

    def same_readings(self, record_id: str) -> tuple[str, ...]:
        """The other records of that one's readings, the one that was measured first."""
        with self._transaction() as connection:
            return same_readings.same(connection, record_id)

    def last_days(
        self,
        today: date | None = None,
        zone: tzinfo | None = None,
        protocols: Collection[str] | None = None,
        judged_by: done.Judging = done.NOBODY,
    ) -> dict[done.Key, done.Done]:
        """When each machine was last measured, by its own name, protocol (of these, None: all) and procedure, and what does not count.

        ``zone`` is that of the days and of ``today`` (None: now), None this computer's. What was judged by fewer or looser limits than
        the protocol of its name in ``judged_by`` has does not count.
        """
        with self._transaction(steady=True) as connection:
            return done.read(connection, self._own_name, today or datetime.now(zone).date(), zone, protocols, judged_by)

    def done_since(
        self, service: Event, today: date, zone: tzinfo | None, judged_by: done.Judging = done.NOBODY
    ) -> dict[done.Key, done.Done]:
        """The same of one machine, of what was measured since its service was put down and of nothing else."""
        with self._transaction(steady=True) as connection:
            later = same_readings.stored_after(connection, "event", str(service.number))
            return done.since(connection, self._own_name, self._names(connection, service.machine), service, later, today, zone, judged_by)

    def done_by(
        self, machine: str, days: Sequence[date], zone: tzinfo | None, protocols: Collection[str]
    ) -> dict[date, dict[done.Key, done.Done]]:
        """The same of one machine at the end of each of these days, as the records tell it now."""
        with self._transaction() as connection:
            return done.as_of(connection, self._own_name, self._names(connection, machine), days, zone, protocols) if protocols else {}

    def stored_after(self, event: Event) -> frozenset[str]:
        """The ids of the records that were stored after that event."""
        with self._transaction() as connection:
            return same_readings.stored_after(connection, "event", str(event.number))

    def audit_rows(self, machine: str, period: Period, today: date, zone: tzinfo | None) -> audit_rows.Rows:
        """What an audit of the machine reads of its records, by the clock of ``zone``; no record is opened."""
        with self._transaction() as connection:
            return audit_rows.read(connection, self._names(connection, machine), period, today, zone)

    def readings(self, record_ids: Sequence[str]) -> dict[tuple[str, int], Reading]:
        """The readings of these records, by record and index, without budgets and flags; no record is opened."""
        with self._transaction() as connection:
            return audit_rows.readings(connection, record_ids)

    def vouched(self, machine: str, record_ids: Sequence[str], since: datetime) -> Iterator[Record]:
        """Those records of an audit, one at a time; RecordError where anything that it decides by, stored since then, was changed."""
        with self._transaction(steady=True) as connection:
            audit_vouched.check(connection, self._names(connection, machine), record_ids, since)
            yield from (self._read(connection, record_id) for record_id in record_ids)
