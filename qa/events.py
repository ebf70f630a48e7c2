"""What a person puts down about a machine beside its records: not used, under service, back in use, what was done about a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, func, select

from qa import chain, tables
from qa.names import several, words
from qa.plain import encode
from qa.widening import version

NOT_USED = "not used"  # of a protocol, on one day
SERVICE = "service"  # out of clinical use from then on
BACK = "back"  # in clinical use again
ACTION = "action"  # what was done about a record
KINDS = (NOT_USED, SERVICE, BACK, ACTION)


@dataclass(frozen=True)
class Event:
    """One of ``KINDS``: ``about`` is the protocol that was not used, or the record that something was done about, else "".

    ``day`` is that on the clinic's calendar, ``written`` the moment when it was put down, ``number`` its place among all events.
    """

    number: int
    kind: str
    machine: str
    about: str
    day: date
    who: str
    text: str
    written: datetime

    def followed(self, at: datetime, stored_later: bool, zone: tzinfo | None) -> bool:
        """Whether what the clinic's clock dated ``at`` was measured after this.

        Of the day on which it was put down: later by the clock, and stored later too, because the clock of an imager may be ahead of
        ours, and ours may have been set back. Where it was put down on a later day than it is of: on any later day than it is of.
        """
        written = self.written.astimezone(zone).replace(tzinfo=None)
        return (at > written and stored_later) or at.date() > self.day != written.date()


def unwritable(kind: str, who: str, text: str) -> str:
    """Why this cannot be put down, "" when it can."""
    if kind not in KINDS:
        return f"{kind!r} is no kind of event; say one of {', '.join(KINDS)}"
    if not words(who):
        return "say who puts it down, with --by NAME"
    if several(who):
        return f"{who!r} names several persons; one of them puts it down, as Given Surname"
    if not text.strip():
        return "say why, for those who read it later"
    return ""


def add(connection: Connection, kind: str, machine: str, about: str, day: date, who: str, text: str) -> Event:
    """Writes it just now, in the caller's transaction. ValueError, with the reason, when it cannot be put down."""
    if why := unwritable(kind, who, text):
        raise ValueError(why)
    now, before = chain.clock(), connection.scalar(select(func.max(tables.event.c.number))) or 0
    row: dict[str, Any] = {"number": before + 1, "kind": kind, "day": day.isoformat(), "written": encode(datetime, now)}
    row |= {name: encode(str, said.strip()) for name, said in (("machine", machine), ("about", about), ("who", who), ("text", text))}
    chain.add_event(connection, "event", row, now)
    return _event(row)


def found(connection: Connection, machines: Sequence[str] | None = None) -> tuple[Event, ...]:
    """All events of a machine (its names), or of all machines (None), the first one first; none in a database of an older version."""
    if version(connection) < tables.SINCE[tables.event]:
        return ()
    query = select(tables.event).order_by(tables.event.c.number)
    if machines is not None:
        query = query.where(tables.event.c.machine.in_(machines))
    return tuple(_event(row) for row in connection.execute(query).mappings())


def in_service(events: Sequence[Event]) -> Event | None:
    """The service that a machine is under by its events, None when it is in use."""
    last = next((one for one in reversed(events) if one.kind in (SERVICE, BACK)), None)
    return last if last is not None and last.kind == SERVICE else None


def services(events: Sequence[Event]) -> tuple[tuple[Event, Event | None], ...]:
    """Every service with the event that ended it, None while it lasts, the first one first."""
    turns = [one for one in events if one.kind in (SERVICE, BACK)]
    return tuple((one, next(iter(turns[n + 1 :]), None)) for n, one in enumerate(turns) if one.kind == SERVICE)


def _event(row: Any) -> Event:
    return Event(**{**row, "day": date.fromisoformat(row["day"]), "written": datetime.fromisoformat(row["written"])})
