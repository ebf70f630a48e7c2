"""A reading is held against the newest accepted baseline of its machine and procedure that has the same number.

Where no accepted baseline has it: against the first accepted record that has. docs/physics/baseline.md, section 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from qa.acceptance import Acceptance, counts_no_more, lasting
from qa.accepted_baselines import AcceptedBaseline
from qa.archive import Archive, unchanged, unchanged_member
from qa.average import average
from qa.fit import Key, averaged, unfit, whole
from qa.limit import Baseline
from qa.procedure import Procedure
from qa.protocol import Baselines
from qa.reading import Measured, Reading, RecordError, identity
from qa.record import Record

ACCEPT = "accept a good record of this machine with: igrtqa accept RECORD --by NAME"
ANEW = "accept a new baseline with: igrtqa baseline accept"


def baselines(
    archive: Archive | None,
    procedure: Procedure,
    machine: str,
    compared: frozenset[str],
    readings: Sequence[Reading],
    images: Iterable[str],
    acquired: datetime | None = None,
    phantom: str = "",
) -> Baselines:
    """The baselines of those readings whose quantities are to be ``compared``, and why there is none for the others.

    ``images`` are the SHA-256 of their files and their SOP instance UIDs, which an export leaves as they are; ``acquired`` is when they
    were taken, ``phantom`` of what. A record of the same images is no baseline for them: they are as they were, whatever the machine is
    now. Nor is a record of another version of the procedure: a number may differ though the machine does not.
    """
    left = {(one.quantity.key, identity(one.at)) for one in readings if isinstance(one, Measured) and one.quantity.key in compared}
    if not left:
        return Baselines()
    if archive is None:
        return Baselines(otherwise="this run keeps no records, so there is none to compare with; run it with a database")
    look = _Look(archive, procedure, machine, frozenset(images) - {""}, acquired, phantom, left)
    try:
        for one in reversed(archive.accepted_baselines(machine, [procedure.name])):
            if look.left:
                look.at_baseline(one)
        if look.left:
            look.at_accepted()
    except RecordError as error:  # an older or later record must not slip into the place of one that cannot be used
        look.otherwise = f"what was accepted cannot be used: {error}"
    return Baselines(look.found, look.why, look.otherwise, tuple(look.notes))


@dataclass
class _Look:
    """What was found so far, and what is ``left`` to find."""

    archive: Archive
    procedure: Procedure
    machine: str
    images: frozenset[str]
    acquired: datetime | None
    phantom: str
    left: set[Key]
    found: dict[Key, Baseline] = field(default_factory=dict)
    why: dict[Key, str] = field(default_factory=dict)
    otherwise: str = ""
    notes: list[str] = field(default_factory=list)

    def at_baseline(self, one: AcceptedBaseline) -> None:
        """What an accepted baseline has of what is left, which nothing older can have any more, also where it cannot be used."""
        records = [unchanged_member(self.archive, member, one.who) for member in one.members]
        numbers, _ = averaged(records)
        has = {key for record in records for key in whole(record)} & self.left
        if not has:
            return
        if why := self._unusable(one, records):
            self.why |= dict.fromkeys(has, why)
        else:
            self.found |= {key: mean(one, numbers[key]) for key in has & numbers.keys()}
            self.why |= {key: f"{one.name} has several such numbers in one record: {ANEW}" for key in has - numbers.keys()}
            self.notes += self._of(one, records)
        self.left -= has

    def _unusable(self, one: AcceptedBaseline, records: Sequence[Record]) -> str:
        """Why this baseline is none for these readings."""
        versions = {record.procedure_version for record in records}
        if one.broken:
            return f"{one.name}, which {one.who} accepted, counts no more: {one.broken}; {ANEW}"
        if bad := next((f"record {record.record_id}: {why}" for record in records if (why := unfit(record, date.max))), ""):
            return f"{one.name} cannot be used: {bad}; {ANEW}"
        if versions != {self.procedure.version}:
            said = ", ".join(sorted(versions))
            return f"{one.name} is of version {said} of this test, these numbers are of version {self.procedure.version}; {ANEW}"
        if same := [record.record_id for record in records if self._same_images(record)]:
            return f"{one.name} is made of these same images too (record {same[0]}); take new ones"
        return ""

    def _of(self, one: AcceptedBaseline, records: Sequence[Record]) -> list[str]:
        """What a record must say of the baseline that it is held against."""
        said = f"{one.name}: of {len(records)} record{'s' if len(records) > 1 else ''}, accepted by {one.who} on {_day(one.accepted)}"
        said += f" with {one.device}" if one.device else ""
        others = sorted({record.machine for record in records} - {self.machine})
        said += f", stored for {', '.join(map(repr, others))}, another name of {self.machine!r}" if others else ""
        newest = max(record.acquired or record.analysed for record in records)
        older = self.acquired is not None and self.acquired < newest
        phantoms = self._phantoms(one.name, {record.phantom for record in records})
        return [said + (f"; these images are older than it, which is of {_day(newest)}" if older else ""), *phantoms]

    def _phantoms(self, name: str, theirs: Iterable[str]) -> list[str]:
        """That it was another phantom by what the persons said, where they said it."""
        known = sorted(one for one in theirs if one and self.phantom and one.casefold() != self.phantom.casefold())
        said = (
            f"{name} is of phantom {', '.join(map(repr, known))}, these images are of {self.phantom!r}: the difference is the phantoms' too"
        )
        return [said] if known else []

    def at_accepted(self) -> None:
        """What single accepted records have of what no accepted baseline has, the one accepted first first."""
        accepted, seen = self.archive.accepted(self.machine, [self.procedure.name]), False
        gone = counts_no_more(accepted)
        self.otherwise = f"no accepted record of this test on {self.machine} has this number; {ACCEPT}"
        if gone:
            self.otherwise = f"the accepted record cannot be used: {gone}; {ACCEPT}"
        for record in _records(self.archive, accepted):
            seen = True
            self._at_record(record)
            if not self.left:
                break
        if not seen:
            self.otherwise += _elsewhere(self.archive, self.procedure.name)

    def _at_record(self, record: Record) -> None:
        alike = {key: [one for one in record.readings if _is(one, key)] for key in self.left}
        own = record.procedure_version == self.procedure.version
        usable = {key: ones[0] for key, ones in alike.items() if len(ones) == 1 and own}
        self.why |= {key: _why_not(record, ones, self.procedure.version) for key, ones in alike.items() if ones and key not in usable}
        if self._same_images(record):
            self.why |= dict.fromkeys(usable, f"the accepted record {record.record_id} is of these same images; take new ones")
        else:
            self.found |= {key: _baseline(record, reading) for key, reading in usable.items()}
            if usable and record.machine != self.machine:
                self.notes.append(
                    f"baseline: record {record.record_id} was accepted for {record.machine!r}, another name of {self.machine!r}"
                )
            if usable:
                self.notes += self._phantoms(f"baseline: record {record.record_id}", [record.phantom])
        self.left -= usable.keys()

    def _same_images(self, record: Record) -> bool:
        return any(not self.images.isdisjoint((entry.sha256, entry.sop_instance_uid)) for entry in record.inputs if entry.used)


def mean(one: AcceptedBaseline, numbers: Sequence[tuple[Record, Measured]]) -> Baseline:
    """The baseline that these numbers of its records make; of one number the record's own."""
    if len(numbers) == 1:
        return _baseline(*numbers[0])
    made = average([number for _, number in numbers])
    taken = max(record.acquired or record.analysed for record, _ in numbers)
    return Baseline(one.name, taken, numbers[0][1].quantity.unit, made.value, made.u, made.interval)


def _records(archive: Archive, accepted: Sequence[Acceptance]) -> Iterator[Record]:
    """The accepted records that count, the one accepted first first; RecordError when one is not what was accepted."""
    seen: set[str] = set()
    for one in lasting(accepted):
        if one.record.record_id not in seen:
            seen.add(one.record.record_id)
            yield unchanged(archive, one)


def _elsewhere(archive: Archive, procedure: str) -> str:
    """What to look at before a record is accepted: this machine may have had another name, and a drift must not become its baseline."""
    of = {one.record.machine for one in archive.accepted(None, [procedure])}
    names = ", ".join(sorted(map(repr, of | {one.machine for one in archive.accepted_baselines(None, [procedure])})))
    return (
        f" (accepted for other names: {names}; where one is this machine, add it to its stations in the site file instead)" if names else ""
    )


def _is(reading: Reading, key: Key) -> bool:
    """Whether a whole number of that quantity and that thing."""
    return isinstance(reading, Measured) and not reading.missing and (reading.quantity.key, identity(reading.at)) == key


def _why_not(record: Record, alike: Sequence[Reading], version: str) -> str:
    if record.procedure_version != version:
        return (
            f"the accepted record {record.record_id} is of version {record.procedure_version} of this test, these numbers are of version "
            f"{version}; measure its images again and accept that"
        )
    return f"the accepted record {record.record_id} has {len(alike)} such numbers and nothing tells which; accept one that has it once"


def _baseline(record: Record, reading: Reading) -> Baseline:
    assert isinstance(reading, Measured)
    taken = record.acquired or record.analysed
    return Baseline(record.record_id, taken, reading.quantity.unit, reading.value, reading.u, reading.interval)


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d}"
