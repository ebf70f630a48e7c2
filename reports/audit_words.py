"""Words that several parts of an audit share: days, records, counts of outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from qa.audit import Audit
from qa.audit_rows import Head
from qa.events import Event
from qa.limit import Outcome
from reports.style import FACES


def days(found: Iterable[date]) -> str:
    """Days in order, those that follow each other as one: "2026-11-02, 2026-11-05 to 2026-11-07"; "none" for none."""
    runs: list[list[date]] = []
    for day in sorted(set(found)):
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs) or "none"


def counts(of: Mapping[Outcome, int]) -> str:
    """How many came out how, the worst first: "1 fail, 20 pass"."""
    return ", ".join(f"{number} {FACES[outcome].word.lower()}" for outcome, number in sorted(of.items(), reverse=True))


def many(number: int, noun: str) -> str:
    """So many of them: "1 record", "2 records"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def said(event: Event, audit: Audit) -> str:
    """What somebody put down, of which day, who, and when it was put down if on another day."""
    return f"{event.day}, {event.who}: {event.text}{later(event, audit)}"


def later(event: Event, audit: Audit) -> str:
    """On which day something was put down that is of another day, "" where it was the same."""
    written = audit.day(event.written)
    return "" if written == event.day else f" (put down on {written})"


def record(head: Head) -> str:
    """A record by its day, time and the beginning of its id."""
    return f"{head.at:%Y-%m-%d %H:%M}, record {short(head.record_id)}{again(head)}"


def again(head: Head) -> str:
    """That nothing was measured for a record, and whose readings it has, "" where it was."""
    return f" (record {short(head.measured_as)} judged again)" if head.judged_again else ""


def short(record_id: str) -> str:
    """The beginning of an id, enough to find the record by."""
    return record_id[:8]
