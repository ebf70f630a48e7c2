"""What a new baseline of one test on one machine would be, of which runs, what was left out and why: docs/physics/baseline.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import TYPE_CHECKING

from qa import procedure
from qa.average import Average, average
from qa.baselines import baselines
from qa.events import BACK, SERVICE, Event
from qa.exposure import NO_ZONE
from qa.fit import Key, averaged, of_before
from qa.limit import Baseline, Outcome
from qa.reading import QaError, Quantity
from qa.spelling import nearest
from qa.valid_runs import Left, Since, newest

if TYPE_CHECKING:
    from qa.record import Record
    from qa.store import Store


@dataclass(frozen=True)
class Entry:
    """What the baseline of one number would be (``new``), and the ``present`` one or why there is none."""

    quantity: Quantity
    key: Key
    new: Average
    present: Baseline | None
    otherwise: str


@dataclass(frozen=True)
class Proposal:
    """A baseline that nobody has accepted: ``records`` the one taken last first, ``asked`` so many of them, ``left`` what was looked at and
    is no part of it, ``without`` the numbers that get no baseline, with the reason.

    ``renewed`` is the day of the machine's last service, None where none was put down.
    """

    machine: str
    procedure: str
    asked: int
    records: tuple[Record, ...]
    left: tuple[Left, ...]
    entries: tuple[Entry, ...]
    without: dict[str, str]
    remarks: tuple[str, ...]
    renewed: date | None

    @property
    def lacking(self) -> str:
        """What to do where there are fewer valid runs than asked for, "" where there are not."""
        found = len(self.records)
        if found >= self.asked:
            return ""
        return (
            f"there {'is' if found == 1 else 'are'} {found} valid, {self.asked} asked for: measure more, or take these with --last {found}"
        )


def propose(store: Store, machine: str, test: str, last: int = 10, record: str = "", zone: tzinfo | None = None) -> Proposal:
    """A baseline of the last ``last`` valid runs of a test, or of the one ``record`` that is named; ``zone`` is that of the clinic's days.

    QaError for a test or machine that there is not (with the nearest spelling), and where no run, or not the named one, is valid.
    """
    if test not in procedure.names():
        raise QaError(f"there is no test {test!r}{nearest(test, procedure.names())}")
    runs = store.runs(machine, test)
    if not runs and not set(store.names(machine)).intersection(store.machines()):
        raise QaError(f"no record is of a machine {machine!r}{nearest(machine, store.machines()) or ': there are no records yet'}")
    if not runs:
        raise QaError(f"no record is of {test} on {machine}: run it first (igrtqa run)")
    events = [one for one in store.events(machine) if one.kind in (SERVICE, BACK)]
    renewed = next((one.day for one in reversed(events) if one.kind == SERVICE), None)
    named = store.get(record).record_id if record else ""
    if named and named not in {run.record.record_id for run in runs}:
        raise QaError(f"record {named} is not of {test} on {machine}")
    chosen, left = newest(store, runs, Since(store, events, zone), renewed, 1 if named else last, named, zone)
    if not chosen:
        reasons = "; ".join(f"record {one.record_id}: {one.why}" for one in left[:3])
        more = f"; and {len(left) - 3} more" if len(left) > 3 else ""
        raise QaError(f"no run of {test} on {machine} can become the baseline: {reasons}{more}")
    entries, without = _entries(store, machine, test, chosen)
    remarks = tuple(_remarks(chosen, events, renewed))
    return Proposal(machine, test, 1 if named else last, tuple(chosen), tuple(left), entries, without, remarks, renewed)


def _entries(store: Store, machine: str, test: str, chosen: Sequence[Record]) -> tuple[tuple[Entry, ...], dict[str, str]]:
    numbers, without = averaged(chosen)
    readings = [each[0][1] for each in numbers.values()]
    present = baselines(store, procedure.load(test), machine, frozenset(key for key, _ in numbers), readings, ())
    entries = []
    for key, each in sorted(numbers.items()):
        held, otherwise = present.of(each[0][1])
        entries.append(Entry(each[0][1].quantity, key, average([number for _, number in each]), held, "" if held else otherwise))
    return tuple(entries), {name: why for (name, _), why in without.items()}


def _remarks(chosen: Sequence[Record], events: Sequence[Event], renewed: date | None) -> Iterator[str]:
    """What a person must know before they accept it."""
    if events and events[-1].kind == SERVICE:
        yield f"the machine is under service since {events[-1].day} ({events[-1].text}): only runs after that count"
    ignored = {one.record_id for one in chosen for judged in one.judgements if _bad(judged.outcome) and of_before(judged, renewed)}
    if ignored:
        yield f"{len(ignored)} of them did not pass against the baseline from before the service of {renewed}, which this one replaces"
    unjudged = sum(all(judged.outcome is Outcome.NOT_MEASURED for judged in one.judgements) for one in chosen)
    if unjudged:
        yield f"no limit has decided anything about {unjudged} of them yet (no baseline, or no number in the source): see their reports"
    for what, said in (("phantoms", _said(one.phantom for one in chosen)), ("protocols", _said(one.protocol for one in chosen))):
        if len(said) > 1:
            yield f"they are of several {what}: {', '.join(said)}"
    if any(NO_ZONE in note for one in chosen for note in one.notes):
        yield "images of some state no time zone: their own clock's time counts"


def _bad(outcome: Outcome) -> bool:
    return outcome is not Outcome.PASS


def _said(texts: Iterable[str]) -> list[str]:
    return sorted({text for text in texts if text})
