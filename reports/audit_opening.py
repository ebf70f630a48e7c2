"""The head of an audit: of which machine and days, and the verdict of every technique; no record is no pass."""

from __future__ import annotations

from reportlab.platypus import Flowable, Spacer

from qa.audit import Audit
from qa.audit_compliance import Asked
from qa.audit_period import Period, period
from qa.audit_records import Kept, Verdict
from qa.limit import Outcome
from reports import audit_compliance, audit_page, audit_state, audit_words, numbers, page
from reports.shapes import marked
from reports.style import CELL_MUTED, FACES, WIDTH, paragraph
from reports.tables import Cell, grid
from reports.verdict import ACROSS, Box, boxes_row

NO_RECORD = "No record of this period judged it.|This is not a pass."
SHORT = {
    Outcome.PASS: "pass",
    Outcome.INDETERMINATE: "undec.",
    Outcome.NOT_MEASURED: "not m.",
    Outcome.DISAGREEMENT: "disagr.",
    Outcome.FAIL: "FAIL",
}
NOTHING = "No record of this period judged anything, and the site file names no technique of this machine.|This is not a pass."


def opening(audit: Audit) -> list[Flowable]:
    """Title, particulars, a box for each technique."""
    boxes = [box(one) for one in audit.verdicts] or [Box(None, "No verdict", "NO RECORD", NOTHING)]
    across = 2 if len(boxes) in (2, 4) else min(len(boxes), ACROSS)
    rows = [boxes[n : n + across] for n in range(0, len(boxes), across)]
    return [
        page.titled("AUDIT", audit_page.title(audit), below(audit)),
        *_notes(audit),
        *(boxes_row(row, across) for row in rows),
        *by_month(audit),
    ]


def by_month(audit: Audit) -> list[Flowable]:
    """Of a year the worst of every month, technique by technique; of a month nothing more than its verdict."""
    if not audit.period.annual or not audit.verdicts:
        return []
    months = [period(f"{audit.period.words}-{number:02d}") for number in range(1, 13)]
    rows: list[list[Cell]] = []
    for one in audit.verdicts:
        worst = [
            max((kept.verdicts[one.technique] for kept in audit.counting if _within(kept, month, one.technique)), default=None)
            for month in months
        ]
        rows.append(
            [numbers.technique(one.technique), *("" if outcome is None else marked(outcome, SHORT[outcome], 5.8) for outcome in worst)]
        )
    widths = [WIDTH * 0.16, *([WIDTH * 0.07] * 12)]
    words = "The worst of each month's records; empty: no record, which is no pass."
    return [paragraph(words, CELL_MUTED), grid(("Month", *(f"{number:02d}" for number in range(1, 13))), rows, widths)]


def _within(kept: Kept, month: Period, technique: str) -> bool:
    return month.first <= kept.head.day <= month.last and technique in kept.verdicts


def below(audit: Audit) -> str:
    """The days, the clinic, how many records."""
    zone = f"days of {audit.zone}" if audit.zone else "days of this computer's clock"
    unit = f"{audit.period.first} to {audit.period.last}"
    over = "" if audit.until == audit.period.last else f" (not over: printed with what there was by {audit.until})"
    return "  ·  ".join(filter(None, (f"{unit}{over}", audit.clinic, zone, audit_state.counted(audit))))


def _notes(audit: Audit) -> list[Flowable]:
    return [
        flowable
        for text in (audit_state.names(audit), audit_state.strange(audit), undone(audit))
        if text
        for flowable in (Spacer(0, 4), paragraph(text))
    ] + [Spacer(0, 5)]


def undone(audit: Audit) -> str:
    """That the verdicts are not of all that was to be done, "" where they are."""
    if not audit.asked:
        return audit_compliance.NO_SITE if audit.asked is None else audit_compliance.NOTHING
    short = [f"{one.title} ({_lacking(one)})" for one in audit.asked if one.short]
    return f"Not all that was to be done was done, and the verdicts are of what was: {'; '.join(short)}." if short else ""


def _lacking(one: Asked) -> str:
    return f"missing on {audit_words.many(len(one.missing), 'day')}" if one.missing else audit_compliance.STATES[one.end.state]


def box(one: Verdict) -> Box:
    """What one technique's box says: the worst of its records, and how many came out how."""
    if one.outcome is None:
        return Box(None, numbers.technique(one.technique), "NO RECORD", NO_RECORD)
    total = sum(one.records.values())
    doubtful = f"|{one.unconfirmed} of {one.limits} limits unconfirmed" if one.unconfirmed else ""
    words = f"{FACES[one.outcome].word}|worst of {audit_words.many(total, 'record')}: {audit_words.counts(one.records)}{doubtful}"
    return Box(one.outcome, numbers.technique(one.technique), one.outcome.word, words)
