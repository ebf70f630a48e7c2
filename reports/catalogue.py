"""What there is to choose from: records, tests, protocols, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date

from qa import procedure
from qa import protocol as protocols_
from qa.acceptance import Acceptance
from qa.accepted_baselines import AcceptedBaseline
from qa.due import Due, State
from qa.events import ACTION, Event
from qa.imported import Imported
from qa.standing import Signature
from qa.store import Summary
from reports import numbers
from reports.lines import Line, outcome_words


def tests() -> Iterator[Line]:
    """Every test by its name."""
    for name in procedure.names():
        yield Line("test", None, name, procedure.load(name).title)


def protocols() -> Iterator[Line]:
    """Every protocol of the suite by its name."""
    for name in protocols_.names():
        found = protocols_.read(name)
        yield Line("protocol", None, name, f"{found.title}; limits: {len(found.limits)}; tests: {', '.join(found.procedures)}")


def acceptance(accepted: Acceptance) -> Line:
    """Who accepted which record, and when; the whole id, so that it can be copied."""
    own, when = accepted.record, f"{accepted.accepted.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    comment = f" ({accepted.comment})" if accepted.comment else ""
    taken = f"taken {own.taken.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    words = f"{when} by {accepted.who}{comment}: {own.procedure}, {own.machine}, {taken}; {own.title}"
    words += f"; {accepted.rejected}: it counts no more" if accepted.rejected is not None else ""
    return Line("accepted", None, own.record_id, words)


def baseline(one: AcceptedBaseline) -> Line:
    """Who made which records the baseline of what, when, why and with which device."""
    when = f"{one.accepted.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    taken = sorted(member.record.taken.astimezone(UTC) for member in one.members)
    days = " to ".join(dict.fromkeys(f"{day:%Y-%m-%d}" for day in (taken[0], taken[-1])))
    words = f"{when} by {one.who} ({one.because}): {one.procedure}, {one.machine}, {one.device or 'no device named'}, taken {days}; "
    words += f"records: {', '.join(member.record.record_id for member in one.members)}"
    words += f"; {one.broken}: it counts no more" if one.broken else ""
    return Line("accepted", None, one.name, words)


def signature(record_id: str, one: Signature) -> Line:
    """Who signed which record, as what and when."""
    comment = f" ({one.comment})" if one.comment else ""
    role = f", {one.role}" if one.role else ""
    return Line("signed", None, record_id, f"{one.said} by {one.who}{role}, {one.signed.astimezone(UTC):%Y-%m-%d %H:%M} UTC{comment}")


def record(summary: Summary) -> Line:
    """When, what and how it came out; the whole id, so that it can be copied."""
    verdicts = ", ".join(f"{numbers.technique(name)} {outcome_words(outcome)}" for name, outcome in summary.verdicts.items())
    when = f"{summary.analysed.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    signed = "".join(f"; {one.said} by {one.who} ({one.role})" for one in summary.signed)
    words = f"{when}, {summary.procedure}, {summary.machine}, {verdicts or 'not judged'}{signed}; {summary.title}"
    return Line("record", max(summary.verdicts.values(), default=None), summary.record_id, words)


def event(one: Event) -> Line:
    """What somebody put down about a machine or a record."""
    about = f", {'record ' if one.kind == ACTION else ''}{one.about}" if one.about else ""
    written = "" if one.written.date() == one.day else f", put down {one.written:%Y-%m-%d}"
    return Line(one.kind, None, f"{one.machine}{about}", f"{one.day} by {one.who}{written}: {one.text}")


def imported(one: Imported) -> Line:
    """What was taken in of another program, as stated there."""
    lines = f"{one.lines} line{'' if one.lines == 1 else 's'}"
    words = f"{one.template}, {one.clock.replace('T', ' ')} by its clock, {lines}; import {one.number} by {one.who}"
    return Line(one.source, None, f"{one.machine}, serial {one.serial}", f"{words}, {one.written:%Y-%m-%d}")


_STATES = {"SKIPPED": "not used today", "SERVICE": "under service"}


def due(one: Due) -> Line:
    """How a task of the schedule stands, in words that are no verdict; what failed is said at once."""
    state = f"{_STATES.get(one.state.name, one.state.name.lower())}{', failed' if one.failed else ''}"
    if one.because is not None:
        state += f" since {one.because.day}" if one.state == State.SERVICE else ""
        state += f" ({one.because.who}: {one.because.text})"
    last = f"last done {one.last:%Y-%m-%d}" if one.last else "never done as a whole"
    more = {
        "failed": ", ".join(one.failed),
        "not done with the rest": ", ".join(one.missing),
        "not finished, repeat or complete": _dated(one.unfinished),
        "rejected, does not count": _dated(one.rejected),
        "judged by fewer or looser limits than the protocol has now, does not count": _dated(one.looser),
        "dated in the future, does not count, see to that clock": _dated(one.ahead),
        "never finished by limits without a number, set them in a protocol of your own": ", ".join(one.undecidable),
    }
    rest = "".join(f"; {what}: {names}" for what, names in more.items() if names)
    return Line("due", None, f"{one.machine}: {one.protocol}", f"{state}; {one.every}, {last}, due {one.due:%Y-%m-%d}{rest}")


def _dated(found: Iterable[tuple[str, date]]) -> str:
    return ", ".join(f"{name} ({day:%Y-%m-%d})" for name, day in found)
