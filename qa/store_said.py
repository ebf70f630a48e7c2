"""What persons and other programs say beside the records in the store; nothing that was said is changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import Connection

from qa import acceptance, accepted_baselines, events, imported, signing
from qa.acceptance import Acceptance
from qa.accepted_baselines import AcceptedBaseline
from qa.events import Event
from qa.imported import Imported, Opinion
from qa.limit import Outcome
from qa.reading import RecordError
from qa.record import Record
from qa.signing import SignOff
from qa.store_records import Records, rows_of
from qa.widening import widen


class Said(Records):
    """What persons sign, accept and put down, and what was taken in of another program."""

    def accept(self, record_id: str, who: str, comment: str = "") -> Acceptance:
        """A person signs that this record is what the machine shall be compared with, or that its calibration is in force from now on.

        RecordError for nobody's name, a record that failed or was rejected or of which two engines disagree, or one without any number; for
        one that was judged again where the record that its readings are of failed and was not rejected, or was rejected and had not failed.
        """
        with self._transaction(writing=True) as connection:
            widen(connection)
            record = self._linked(connection, record_id)
            signed = signing.found(connection, [record.record_id])[record.record_id]
            if why := acceptance.unacceptable(record, who, signed) or self._of_bad_readings(connection, record):
                raise RecordError(f"{self.where}: record {record.record_id} cannot be accepted: {why}")
            return acceptance.add(connection, record, who.strip(), comment.strip())

    def _of_bad_readings(self, connection: Connection, record: Record) -> str:
        """Why the record that these readings were judged in before counts against them, "" when none does: other limits mend no machine."""
        if (against := acceptance.rejected(connection, [record.record_id]).get(record.record_id)) is not None:
            return f"it was {against}: measure again, or let them sign that one as reviewed or approved first"
        while record.basis is not None and record.basis.judged_again:
            record = self._get(connection, record.basis.judged_again)
            signed = signing.found(connection, [record.record_id])[record.record_id]
            if any(one.outcome is Outcome.FAIL for one in record.judgements) and not signing.rejections(signed):
                return (
                    f"its readings failed in record {record.record_id}: where that is wrong, sign that one as rejected first (igrtqa sign)"
                )
        return ""

    def accepted(self, machine: str | None = None, procedures: Sequence[str] | None = None) -> tuple[Acceptance, ...]:
        """What was accepted, the first one first: of one machine and of some procedures only, or of all there are (None)."""
        with self._transaction() as connection:
            return acceptance.found(connection, None if machine is None else self._names(connection, machine), procedures)

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
            seals = [accepted_baselines.sealed(rows_of(connection, one.record_id))[1] for one in records]
            return accepted_baselines.add(connection, records, seals, who, because, device)

    def accepted_baselines(self, machine: str | None = None, procedures: Sequence[str] | None = None) -> tuple[AcceptedBaseline, ...]:
        """The baselines that were accepted, the first one first: of one machine and of some procedures only, or of all (None)."""
        with self._transaction() as connection:
            return accepted_baselines.found(connection, None if machine is None else self._names(connection, machine), procedures)

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

    def rejected(self, record_id: str) -> acceptance.Rejection | None:
        """The newest rejection of that record that stands."""
        with self._transaction() as connection:
            return acceptance.rejected(connection, [record_id]).get(record_id)

    def rejections(self, record_ids: Collection[str]) -> dict[str, acceptance.Rejection]:
        """The newest rejection that stands of each of these records that has one."""
        with self._transaction() as connection:
            return acceptance.rejected(connection, record_ids)

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

    def _events(self, connection: Connection, machine: str) -> tuple[Event, ...]:
        """What was put down about the machine under any name of it, also one that no record has."""
        own = self._own_name(machine)
        return tuple(one for one in events.found(connection) if self._own_name(one.machine) == own)

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

    def _told(self, connection: Connection, machine: str) -> tuple[str, ...]:
        """The names that another program's word may be kept under: those of the machine's records, and its own."""
        return *self._names(connection, machine), self._own_name(machine)
