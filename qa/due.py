"""What is due on which machine, by the site's schedule, the records there are and what was put down beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import IntEnum

from qa import protocol
from qa.calibrations import PERIOD_DAYS
from qa.done import Done, Key
from qa.events import BACK, NOT_USED, Event, in_service
from qa.protocol import Protocol
from qa.site import Site
from qa.site_tables import Task

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_BACK = 8  # days: every weekday once


class State(IntEnum):
    """How a task stands; what is overdue is late, not failed. UNFINISHED: it was begun, and is due until it is repeated or completed.

    SKIPPED: somebody put down why it is not used today. SERVICE: the machine is out of use, so nothing is due.
    """

    DONE = 0
    UNFINISHED = 1
    DUE = 2
    OVERDUE = 3
    NEVER = 4
    SKIPPED = 5
    SERVICE = 6

    @property
    def waits(self) -> bool:
        """Whether somebody has to do it."""
        return self in (State.UNFINISHED, State.DUE, State.OVERDUE, State.NEVER)


@dataclass(frozen=True)
class Due:
    """One protocol on one machine: when all of it was ``last`` done, when it is ``due``, what of it is ``missing`` since then.

    ``failed`` are the procedures that failed when they were done or tried last. ``unfinished``, ``rejected``, ``ahead`` and ``looser``
    (judged by fewer or looser limits than the protocol has) are those with newer records that do not count, with their days.
    ``undecidable`` are limits without a number: nothing judged by them is ever done. ``because`` is the event that explains why it is not
    asked for.
    """

    machine: str
    protocol: str
    every: str
    last: date | None
    due: date
    state: State
    missing: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unfinished: tuple[tuple[str, date], ...] = ()
    rejected: tuple[tuple[str, date], ...] = ()
    ahead: tuple[tuple[str, date], ...] = ()
    undecidable: tuple[str, ...] = ()
    because: Event | None = None
    looser: tuple[tuple[str, date], ...] = ()


Last = Mapping[Key, Done]
"""When a procedure of a protocol was last done on a machine."""


def due(
    site: Site, last: Last, today: date, events: Sequence[Event] = (), judged_by: Mapping[str, Protocol] | None = None
) -> tuple[Due, ...]:
    """Every task of the schedule on every machine, in the file's order; ``events`` are those of all machines, the first one first.

    ``judged_by`` are the site's ``protocols``, read now where they are not handed in.

    A protocol is done when all procedures that it has limits for were done: its date is that of the one that is oldest.
    """
    judged_by = protocols(site) if judged_by is None else judged_by
    of_machine = {one.name: [event for event in events if site.own_name(event.machine) == one.name] for one in site.machine}
    return tuple(
        of_task(task, judged_by[task.protocol], machine, last, today, of_machine[machine])
        for task in site.schedule
        for machine in task.machines
    )


def of_task(task: Task, judged_by: Protocol, machine: str, last: Last, today: date, events: Sequence[Event]) -> Due:
    """One task on one machine, whose ``events`` these are."""
    return _excused(_one(task, judged_by, machine, last, today, events), events, today)


def under_service(site: Site, events: Sequence[Event]) -> tuple[tuple[str, Event], ...]:
    """The machines that are out of use, and since which event."""
    found = ((one.name, in_service([event for event in events if site.own_name(event.machine) == one.name])) for one in site.machine)
    return tuple((name, event) for name, event in found if event is not None)


def protocols(site: Site) -> dict[str, Protocol]:
    """The protocols that the site file names in its schedule and for machines after a service, as it names them and as records do."""
    asked = dict.fromkeys([*(task.protocol for task in site.schedule), *(name for one in site.machine for name in one.return_to_use)])
    found = {name: protocol.read(name) for name in asked}
    return found | {one.name: one for one in found.values()}


def lacking(site: Site, since: Last, machine: str) -> tuple[str, ...]:
    """What of the machine's return-to-use list is not done ``since`` its service was put down, or failed then; () when all of it passed."""
    asked = next(one.return_to_use for one in site.machine if one.name == machine)
    found = []
    for judged_by in map(protocol.read, asked):
        known = [since.get((machine, judged_by.name, name), Done()) for name in judged_by.procedures]
        if any(one.day is None and one.looser is not None for one in known):
            found.append(f"{judged_by.name} (judged by fewer or looser limits than it has: judge the images by the protocol as it is now)")
        elif any(one.day is None for one in known):
            found.append(f"{judged_by.name} (not done since then)")
        elif any(one.failed for one in known):
            found.append(f"{judged_by.name} (failed since then; repair, and measure again: a pass of a later day counts)")
    return tuple(found)


def _excused(one: Due, events: Sequence[Event], today: date) -> Due:
    """The same where it is done or due, else why nobody asks for it today."""
    if (service := in_service(events)) is not None:
        return replace(one, state=State.SERVICE, because=service)
    skipped = [event for event in events if event.kind == NOT_USED and event.about == one.protocol and event.day == today]
    return replace(one, state=State.SKIPPED, because=skipped[-1]) if skipped and one.state.waits else one


def _one(task: Task, judged_by: Protocol, machine: str, last: Last, today: date, events: Sequence[Event]) -> Due:
    known = {name: last.get((machine, judged_by.name, name), Done()) for name in judged_by.procedures}
    days = [one.day for one in known.values() if one.day is not None]
    done = min(days) if len(days) == len(known) else None
    newest = max(days, default=None)
    unfinished = tuple((name, one.unfinished) for name, one in known.items() if one.unfinished is not None)
    when = today if done is None else _not_before(_next(task, done), judged_by.name, task, events, today)
    return Due(
        machine,
        judged_by.name,
        task.every,
        done,
        when,
        _state(done, when, today, task.grace_days, bool(unfinished)),
        tuple(name for name, one in known.items() if one.day != newest) if newest is not None and newest != done else (),
        tuple(name for name, one in known.items() if one.failed),
        unfinished,
        tuple((name, one.rejected) for name, one in known.items() if one.rejected is not None),
        tuple((name, one.ahead) for name, one in known.items() if one.ahead is not None),
        tuple(limit.limit_id for limit in judged_by.limits if limit.tolerance is None and limit.kind != "functional"),
        looser=tuple((name, one.looser) for name, one in known.items() if one.looser is not None),
    )


def _state(done: date | None, when: date, today: date, grace_days: int, begun: bool) -> State:
    if done is not None and today < when:
        return State.DONE
    if done is not None and today > when + timedelta(days=grace_days):
        return State.OVERDUE
    return State.UNFINISHED if begun else State.NEVER if done is None else State.DUE


def _not_before(when: date, name: str, task: Task, events: Sequence[Event], today: date) -> date:
    """When it is due, with what excuses the days before: a daily check not on a day on which it was not used, nothing under service."""
    unused = {event.day for event in events if event.kind == NOT_USED and event.about == name and event.day < today}
    while task.every == "daily" and when in unused:
        when = _next(task, when)
    return max([when, *(event.day for event in events if event.kind == BACK and event.day <= today)])  # else a clock was wrong


def _next(task: Task, done: date) -> date:
    """The first day on which it is to be done again: the next weekday of the list, or one that is not later than a period from now."""
    if task.every == "daily":
        return next(day for k in range(1, LOOK_BACK) if WEEK[(day := done + timedelta(days=k)).weekday()] in task.weekdays)
    latest = done + timedelta(days=PERIOD_DAYS[task.every])
    return next((day for k in range(LOOK_BACK) if WEEK[(day := latest - timedelta(days=k)).weekday()] in task.weekdays), latest)
