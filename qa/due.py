"""What is due on which machine, by the site's schedule and the records there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

from qa import protocol
from qa.calibrations import PERIOD_DAYS
from qa.done import Done, Key
from qa.protocol import Protocol
from qa.site import Site, Task

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_BACK = 8  # days: every weekday once


class State(IntEnum):
    """How a task stands; what is overdue is late, not failed. UNFINISHED: it was begun, and is due until it is repeated or completed."""

    DONE = 0
    UNFINISHED = 1
    DUE = 2
    OVERDUE = 3
    NEVER = 4


@dataclass(frozen=True)
class Due:
    """One protocol on one machine: when all of it was ``last`` done, when it is ``due``, what of it is ``missing`` since then.

    ``failed`` are the procedures that failed when they were done or tried last. ``unfinished``, ``rejected`` and ``ahead`` are those with
    newer records that do not count, with their days. ``undecidable`` are limits without a number: nothing judged by them is ever done.
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


Last = Mapping[Key, Done]
"""When a procedure of a protocol was last done on a machine."""


def due(site: Site, last: Last, today: date) -> tuple[Due, ...]:
    """Every task of the schedule on every machine, in the file's order.

    A protocol is done when all procedures that it has limits for were done: its date is that of the one that is oldest.
    """
    judged_by = {name: protocol.read(name) for name in dict.fromkeys(task.protocol for task in site.schedule)}
    return tuple(_one(task, judged_by[task.protocol], machine, last, today) for task in site.schedule for machine in task.machines)


def _one(task: Task, judged_by: Protocol, machine: str, last: Last, today: date) -> Due:
    known = {name: last.get((machine, judged_by.name, name), Done()) for name in judged_by.procedures}
    days = [one.day for one in known.values() if one.day is not None]
    done = min(days) if len(days) == len(known) else None
    newest = max(days, default=None)
    unfinished = tuple((name, one.unfinished) for name, one in known.items() if one.unfinished is not None)
    when = today if done is None else _next(task, done)
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
    )


def _state(done: date | None, when: date, today: date, grace_days: int, begun: bool) -> State:
    if done is not None and today < when:
        return State.DONE
    if done is not None and today > when + timedelta(days=grace_days):
        return State.OVERDUE
    return State.UNFINISHED if begun else State.NEVER if done is None else State.DUE


def _next(task: Task, done: date) -> date:
    """The first day on which it is to be done again: the next weekday of the list, or one that is not later than a period from now."""
    if task.every == "daily":
        return next(day for k in range(1, LOOK_BACK) if WEEK[(day := done + timedelta(days=k)).weekday()] in task.weekdays)
    latest = done + timedelta(days=PERIOD_DAYS[task.every])
    return next((day for k in range(LOOK_BACK) if WEEK[(day := latest - timedelta(days=k)).weekday()] in task.weekdays), latest)
