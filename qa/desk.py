"""Records on their way into the store: one that measured nothing waits until it is known whether another test measured its images."""

from __future__ import annotations

from dataclasses import dataclass, field

from qa.acquisition import Acquisition
from qa.archive import Archive
from qa.left_out import names_of
from qa.limit import Outcome
from qa.reading import Measured, NotMeasured
from qa.record import Record


@dataclass
class Desk:
    """Takes records one by one. What measured something is stored at once; the rest waits for ``cleared``.

    ``every``: all are kept, as when a person asked for just these tests.
    """

    archive: Archive | None
    every: bool = False
    _kept: dict[int, Record] = field(default_factory=dict)
    _waiting: dict[int, tuple[Record, Acquisition]] = field(default_factory=dict)
    _by: dict[str, str] = field(default_factory=dict)  # file -> the title of the test that measured it
    _in_sets: set[str] = field(default_factory=set)  # files that a test measured as part of a set, not of a day

    def measured(self, acquisition: Acquisition, by_sets: bool = False) -> bool:
        """Whether every file of it was measured already; ``by_sets``: in sets, so that two tests of one day do not hide each other."""
        return not self.every and names_of(acquisition) <= (self._in_sets if by_sets else set(self._by))

    def take(self, place: int, record: Record, acquisition: Acquisition) -> None:
        """One more record, with its place in the order that they are shown in."""
        found = _measured_files(record, acquisition)
        failed = any(judgement.outcome is Outcome.FAIL for judgement in record.judgements)  # a person said no: that is never put aside
        if not found and not self.every and not failed:
            self._waiting[place] = record, acquisition
            return
        self._keep(place, record)
        for name in found:
            self._by.setdefault(name, record.procedure_title)
        if not acquisition.day:
            self._in_sets |= found

    def cleared(self) -> tuple[tuple[Record, ...], tuple[str, ...]]:
        """All records that are kept, in their order, and in words those that are not: their images belong to another test."""
        aside = []
        for place, (record, acquisition) in self._waiting.items():
            if self.measured(acquisition):
                by = ", ".join(sorted({self._by[name] for name in names_of(acquisition)}))
                aside.append(f"{record.procedure_title} found nothing of its own in {record.title}, measured as {by}: {_reason(record)}")
            else:
                self._keep(place, record)
        return tuple(self._kept[place] for place in sorted(self._kept)), tuple(aside)

    def _keep(self, place: int, record: Record) -> None:
        if self.archive is not None:
            self.archive.add(record)
        self._kept[place] = record


def _measured_files(record: Record, acquisition: Acquisition) -> set[str]:
    """The files that a record's numbers are of: those images that have one, or all where its numbers are of the whole."""
    measured = [reading for reading in record.readings if isinstance(reading, Measured)]
    single = {str(r.at["sop_instance_uid"]) for r in measured if "sop_instance_uid" in r.at}
    if single:
        return {image.name for image in acquisition.images if image.sop_instance_uid in single}
    return names_of(acquisition) if measured else set()


def _reason(record: Record) -> str:
    return next((reading.reason for reading in record.readings if isinstance(reading, NotMeasured)), "no reading was made")
