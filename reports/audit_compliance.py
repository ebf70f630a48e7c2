"""Whether what was scheduled was done, and how long records waited for a second person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from reportlab.platypus import Flowable

from qa.audit import Audit
from qa.audit_compliance import Asked, Reviews
from qa.due import State
from reports import audit_words
from reports.page import small_heading
from reports.style import BODY, CELL, CELL_MUTED, CELL_STRONG, WIDTH, paragraph
from reports.tables import Cell, grid

NO_SITE = "No site file was given (--site), so nothing says what was to be done. This is no statement that all of it was."
NOTHING = "The site file's schedule has nothing for this machine. This is no statement that all was done that should be."
NOTE = (
    "By the schedule as the site file has it now, day by day. Missing: of a daily check the days of its weekdays on which it was not done, "
    "of any other the days on which it was overdue."
)
STATES = {
    State.DONE: "done",
    State.UNFINISHED: "not finished",
    State.DUE: "due",
    State.OVERDUE: "overdue",
    State.NEVER: "never done as a whole",
    State.SKIPPED: "not used",
    State.SERVICE: "under service",
}
WIDTHS = [WIDTH * part for part in (0.25, 0.25, 0.25, 0.25)]


def section(audit: Audit) -> list[Flowable]:
    """A row for each protocol of the schedule; then the reviews."""
    return [*schedule(audit), *small_heading("Review"), *reviews(audit)]


def schedule(audit: Audit) -> list[Flowable]:
    """What was asked for and done."""
    if not audit.asked:
        return [paragraph(NO_SITE if audit.asked is None else NOTHING, BODY)]
    rows = [_row(audit, one) for one in audit.asked]
    return [paragraph(NOTE, CELL_MUTED), grid(("Protocol", "Done", "Not used, under service", "Missing"), rows, WIDTHS)]


def _row(audit: Audit, one: Asked) -> list[Cell]:
    return [
        [paragraph(one.title, CELL_STRONG), paragraph(f"{one.name}, {one.every}; {standing(one)}", CELL_MUTED)],
        _days(one.done, *([f"failed: {audit_words.days(one.failed)}"] if one.failed else [])),
        _excused(audit, one),
        _missing(one),
    ]


def standing(one: Asked) -> str:
    """How it stood at the end of the last day."""
    end = one.end
    last = f", last done {end.last}" if end.last else "" if end.state == State.NEVER else ", never done as a whole"
    return f"at the end {STATES[end.state]}{', failed' if end.failed else ''}{last}, due {end.due}"


def lacking(one: Asked) -> str:
    """What of it was not done, on a screen and in a sentence."""
    days = f"missing on {audit_words.days(one.missing)}" if one.missing else ""
    return "; ".join(filter(None, (days, f"at the end {STATES[one.end.state]}")))


def _days(days: Sequence[date], *more: str) -> list[Flowable]:
    words = (audit_words.days(days), *more) if days else more
    return [paragraph(audit_words.many(len(days), "day") if days else "none", CELL), *(paragraph(text, CELL_MUTED) for text in words)]


def _missing(one: Asked) -> list[Flowable]:
    more = [f"tried and not finished: {audit_words.days(one.unfinished)}"] if one.unfinished else []
    if one.missing or not one.end.state.waits:
        head = paragraph(audit_words.many(len(one.missing), "day") if one.missing else "none", CELL_STRONG if one.missing else CELL)
        return [head, *(paragraph(text, CELL_MUTED) for text in ([audit_words.days(one.missing)] if one.missing else []) + more)]
    return [paragraph(STATES[one.end.state], CELL_STRONG), *(paragraph(text, CELL_MUTED) for text in more)]


def _excused(audit: Audit, one: Asked) -> list[Flowable]:
    unused = [paragraph(f"{day}, not used: {event.text} ({event.who}){audit_words.later(event, audit)}", CELL) for day, event in one.unused]
    service = [paragraph(f"under service: {audit_words.days(one.service)}", CELL)] if one.service else []
    return [*unused, *service] or [paragraph("none", CELL)]


def reviews(audit: Audit) -> list[Flowable]:
    """How many of the period's records another person has reviewed or approved by now, and how long that took."""
    flowables = [paragraph(words, BODY) for words in review_words(audit.reviews)]
    if audit.reviews.open:
        names = "; ".join(f"{head.day} {head.test} ({audit_words.short(head.record_id)})" for head in audit.reviews.open)
        flowables.append(paragraph(f"Not reviewed: {names}", CELL_MUTED))
    return flowables


def review_words(found: Reviews) -> list[str]:
    """The reviews in sentences."""
    if not found.records:
        return ["No record of this period, so none to review."]
    words = [
        f"{len(found.waited)} of {audit_words.many(found.records, 'record')} reviewed or approved by another person than the performer."
    ]
    if found.middle is not None:
        words.append(f"From analysis to the first such signature: {found.middle:.1f} days in the middle, {found.waited[-1]:.1f} at most.")
    if found.own:
        words.append(f"{audit_words.many(len(found.own), 'record')} reviewed by who performed it alone, which is no second person's word.")
    if found.rejected:
        words.append(f"{audit_words.many(len(found.rejected), 'record')} rejected or dated in the future, and reviewed by nobody else.")
    return words
