"""What is due on which machine, by the site's schedule and the records there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

from qa import protocol
from qa.calibrations import PERIOD_DAYS
from qa.site import Site, Task

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_BACK = 8  # days: every weekday once


class State(IntEnum):
    """How a task stands; what is overdue is late, not failed."""

    DONE = 0
    DUE = 1
    OVERDUE = 2
    NEVER = 3


@dataclass(frozen=True)
class Due:
    """One protocol on one machine: when all of it was ``last`` done, when it is ``due``, what of it is ``missing`` since then."""

    machine: str
    protocol: str
    every: str
    last: date | None
    due: date
    state: State
    missing: tuple[str, ...] = ()


Last = Mapping[tuple[str, str, str], date]
"""The day of the newest record of a machine, a protocol and a procedure."""


def due(site: Site, last: Last, today: date) -> tuple[Due, ...]:
    """Every task of the schedule on every machine, in the file's order.

    A protocol is done when all procedures that it has limits for were recorded: its date is that of the one that is oldest.
    """
    return tuple(_one(task, machine, last, today) for task in site.schedule for machine in task.machines)


def _one(task: Task, machine: str, last: Last, today: date) -> Due:
    procedures = protocol.read(task.protocol).procedures
    known = {name: last.get((machine, protocol.read(task.protocol).name, name)) for name in procedures}
    days = [day for day in known.values() if day is not None]
    done = min(days) if len(days) == len(procedures) else None
    newest = max(days, default=None)
    missing = tuple(name for name, day in known.items() if day != newest) if newest is not None and newest != done else ()
    if done is None:
        return Due(machine, task.protocol, task.every, None, today, State.NEVER, missing)
    when = _next(task, done)
    late = today > when + timedelta(days=task.grace_days)
    state = State.DONE if today < when else State.OVERDUE if late else State.DUE
    return Due(machine, task.protocol, task.every, done, when, state, missing)


def _next(task: Task, done: date) -> date:
    """The first day on which it is to be done again: the next weekday of the list, or one that is not later than a period from now."""
    if task.every == "daily":
        return next(day for k in range(1, LOOK_BACK) if WEEK[(day := done + timedelta(days=k)).weekday()] in task.weekdays)
    latest = done + timedelta(days=PERIOD_DAYS[task.every])
    return next((day for k in range(LOOK_BACK) if WEEK[(day := latest - timedelta(days=k)).weekday()] in task.weekdays), latest)
