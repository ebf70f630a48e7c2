"""Whether what the schedule asked for was done in a period, replayed day by day; and how long records waited for a second person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from statistics import median

from qa import due, protocol
from qa.audit_records import OUT, Kept
from qa.audit_rows import Head
from qa.done import Done, Key
from qa.due import Due, State
from qa.events import Event
from qa.signing import INDEPENDENT
from qa.site import Site

_DAILY = "daily"


@dataclass(frozen=True)
class Asked:
    """One protocol of the schedule: the days on which it was ``done`` as a whole (and those on which something ``failed``).

    ``unused`` are the days that somebody excused, with the event; ``service`` those on which the machine was out of use. ``missing``
    are the days on which it was to be done and was not: of a daily check its weekdays, of any other those on which it was overdue, none
    before it was ever done. ``unfinished`` are those among them on which it was tried. ``end`` is how it stood at the end of the last day.
    """

    name: str
    title: str
    every: str
    done: tuple[date, ...]
    failed: tuple[date, ...]
    unused: tuple[tuple[date, Event], ...]
    service: tuple[date, ...]
    missing: tuple[date, ...]
    unfinished: tuple[date, ...]
    end: Due

    @property
    def short(self) -> bool:
        """Whether something was not done that was asked for."""
        return bool(self.missing) or self.end.state.waits


@dataclass(frozen=True)
class Reviews:
    """Who looked at the records of the period: ``waited`` are the days from analysis to the first review or approval by another person.

    ``own`` were reviewed by who performed them alone, ``rejected`` by somebody; nobody has signed ``open`` for review.
    """

    records: int
    waited: tuple[float, ...]
    own: tuple[Head, ...]
    rejected: tuple[Head, ...]
    open: tuple[Head, ...]

    @property
    def middle(self) -> float | None:
        """The median wait in days, None where nobody reviewed."""
        return median(self.waited) if self.waited else None


@dataclass
class _Days:
    done: list[date] = field(default_factory=list)
    failed: list[date] = field(default_factory=list)
    unused: list[tuple[date, Event]] = field(default_factory=list)
    service: list[date] = field(default_factory=list)
    missing: list[date] = field(default_factory=list)
    unfinished: list[date] = field(default_factory=list)


def protocols(site: Site, machine: str) -> tuple[str, ...]:
    """The names of the protocols that are scheduled on the machine, as records call them."""
    return tuple(dict.fromkeys(protocol.read(task.protocol).name for task in site.schedule if machine in task.machines))


def compliance(
    site: Site,
    machine: str,
    known: Mapping[date, Mapping[Key, Done]],
    events: Sequence[Event],
    records: Iterable[Kept],
    today: date,
) -> tuple[Asked, ...]:
    """Every task of the machine over the days of ``known``, which says what was done by the end of each; by the schedule as it is now.

    ``records`` are those that count, of which some failed. A check that is due ``today`` is not missing yet.
    """
    found = []
    out = {(one.head.protocol, one.head.day) for one in records if one.outcome in OUT}
    for task in site.schedule:
        if machine not in task.machines:
            continue
        judged_by, end = protocol.read(task.protocol), None
        days = _Days(failed=sorted(day for name, day in out if name == judged_by.name and day in known))
        for day, last in known.items():
            end = due.of_task(task, judged_by, machine, last, day, [event for event in events if event.day <= day])
            asked = task.every != _DAILY or due.WEEK[day.weekday()] in task.weekdays
            _sort(days, end, day, asked and (day < today or task.every != _DAILY), task.every == _DAILY)
        if end is not None:
            lists = {name.name: tuple(getattr(days, name.name)) for name in fields(_Days)}
            found.append(Asked(judged_by.name, judged_by.title, task.every, end=end, **lists))
    return tuple(found)


def _sort(days: _Days, found: Due, day: date, asked: bool, daily: bool) -> None:
    tried = found.last == day or any(when == day for _, when in found.unfinished)
    if found.last == day:
        days.done.append(day)
    elif found.state == State.SERVICE:
        days.service.append(day)
    elif found.state == State.SKIPPED and found.because is not None:
        days.unused.append((day, found.because))
    elif asked and found.state.waits and (daily or found.state == State.OVERDUE or _late(found, day)):
        days.missing.append(day)
        if tried:
            days.unfinished.append(day)


def _late(found: Due, day: date) -> bool:
    """Whether what was begun and is not finished was to be finished by then."""
    return found.state == State.UNFINISHED and found.last is not None and day > found.due


def reviews(records: Iterable[Kept]) -> Reviews:
    """The reviews of records, whenever they were signed."""
    waited, own, rejected, waiting, count = [], [], [], [], 0
    for head in (one.head for one in records):
        count += 1
        signed = [one for one in head.signed if one.meaning in INDEPENDENT]
        others = [one.signed for one in signed if not one.own_run]
        if others:
            waited.append((min(others) - head.analysed).total_seconds() / 86400)
        elif signed:
            own.append(head)
        elif head.left:
            rejected.append(head)
        else:
            waiting.append(head)
    return Reviews(count, tuple(sorted(waited)), tuple(own), tuple(rejected), tuple(waiting))
