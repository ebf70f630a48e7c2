"""Which runs of a test may become a baseline, and why the others may not: docs/physics/baseline.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING

from qa import done, procedure
from qa.events import BACK, Event
from qa.fit import of_before, unfit
from qa.limit import Outcome
from qa.reading import identity

if TYPE_CHECKING:
    from qa.record import Record
    from qa.runs import Run
    from qa.store import Store


@dataclass(frozen=True)
class Left:
    """A run that is no part of it, and why."""

    record_id: str
    taken: datetime
    why: str


class Since:
    """The newest service or return to use of a machine, and what was measured after it; None: there was none, everything counts."""

    def __init__(self, store: Store, events: Sequence[Event], zone: tzinfo | None) -> None:
        """``events`` are the services and returns of that machine, the first one first."""
        self.event = events[-1] if events else None
        self._store, self._zone = store, zone
        self._stored_later = store.stored_after(self.event) if self.event is not None else frozenset()

    def counts(self, run: Run) -> bool:
        """Whether the run was measured after it."""
        return self.event is None or self.event.followed(_at(run, self._zone), run.record.record_id in self._stored_later, self._zone)

    def drifted(self, own: Run, record: Record, runs: Sequence[Run], renewed: date | None) -> str:
        """Why the old baseline counts against this record, though it is from before the service, "" when it does not.

        Since the machine was put back an earlier run passed against it: so it is not the service that changed the number.
        """
        if self.event is None or self.event.kind != BACK:
            return ""
        earlier = {run.record.record_id for run in runs if run.record.taken < own.record.taken and self.counts(run)}
        for judged in record.judgements:
            if judged.outcome is Outcome.PASS or judged.reading < 0 or not of_before(judged, renewed):
                continue
            of = identity(record.readings[judged.reading].at)
            for point in self._store.history(record.machine, judged.limit.quantity):
                passed = any(one.outcome is Outcome.PASS and of_before(one, renewed) for one in point.judgements)
                if point.record_id in earlier and passed and identity(point.reading.at) == of and not self._store.rejected(point.record_id):
                    return (
                        f"it did not pass ({judged.limit.limit_id}) against the baseline from before the service of {renewed}, which "
                        f"record {point.record_id} passed since the machine was put back: it changed after that; find out why, and put "
                        "down a repair (igrtqa service)"
                    )
        return ""


def _at(run: Run, zone: tzinfo | None) -> datetime:
    """When it was taken by the clinic's clock."""
    return done.clock(run.record.taken, run.record.acquired is not None, run.notes, zone)


def newest(
    store: Store, runs: Sequence[Run], since: Since, renewed: date | None, most: int, named: str, zone: tzinfo | None
) -> tuple[list[Record], list[Left]]:
    """The newest valid runs, at most so many, or the ``named`` record if it is one, and those looked at that are none."""
    found: list[Record] = []
    left: list[Left] = []
    today = datetime.now(zone).date()
    for run in runs:
        if len(found) == most:
            break
        if named and run.record.record_id != named:
            continue
        why = _left_out(run, runs, since, today, zone)
        if not why and (rejected := store.rejected(run.record.record_id)) is not None:
            why = f"it was {rejected}"
        if not why:
            record = store.get(run.record.record_id)
            why = unfit(record, renewed) or since.drifted(run, record, runs, renewed) or _failed_before(store, run, runs, renewed)
            if not why:
                found.append(record)
                continue
        left.append(Left(run.record.record_id, run.record.taken, why))
    return found, left


def _failed_before(store: Store, run: Run, runs: Sequence[Run], renewed: date | None) -> str:
    """Why an earlier analysis of the same images counts against it, "" when none does: by other limits they are no better."""
    for one in runs:
        same = one is not run and not one.images.isdisjoint(run.images) and one.record.procedure_version == run.record.procedure_version
        if not same or store.rejected(one.record.record_id) is not None:
            continue
        failed = [judged for judged in store.get(one.record.record_id).judgements if judged.outcome in (Outcome.FAIL, Outcome.DISAGREEMENT)]
        if held := next((judged for judged in failed if not of_before(judged, renewed)), None):
            return (
                f"the same images failed ({held.limit.limit_id}) in record {one.record.record_id}: where that is wrong, sign that one as "
                "rejected first (igrtqa sign)"
            )
    return ""


def _left_out(run: Run, runs: Sequence[Run], since: Since, today: date, zone: tzinfo | None) -> str:
    """Why a run is not valid, as far as its rows tell; "" when they do not say so."""
    version = procedure.load(run.record.procedure).version
    if run.record.procedure_version != version:
        return f"it is of version {run.record.procedure_version} of the test, which is {version} now: measure its images again"
    if _at(run, zone).date() > today:
        return "it is dated later than today: a clock is wrong"
    if since.event is not None and not since.counts(run):
        event, what = since.event, "was put back into use" if since.event.kind == BACK else "went under service"
        return f"it was not taken after the machine {what} ({event.day}, {event.who}: {event.text})"
    later = [one for one in runs if one.record.analysed > run.record.analysed and not one.images.isdisjoint(run.images)]
    if later:
        last = max(later, key=lambda one: one.record.analysed)
        return f"the same images were measured again later (record {last.record.record_id}), which is the one to look at"
    return ""
