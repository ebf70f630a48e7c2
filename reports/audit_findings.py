"""What was no pass in the period, with what somebody put down about it; records that were rejected; limits that nobody confirmed."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.platypus import Flowable

from qa.audit import Audit
from qa.audit_records import OUT, Finding, Kept
from qa.imported import Opinion
from reports import audit_words, numbers
from reports.exceptions import UNCONFIRMED
from reports.page import small_heading
from reports.shapes import tag
from reports.style import BODY, CELL, CELL_MUTED, CELL_STRONG, WIDTH, paragraph
from reports.tables import Cell, grid
from reports.trend_opinions import STATED_WELL

NOTHING = "Nothing put down (igrtqa action RECORD --did TEXT)."
NONE = "None. Every limit that was judged in a record that counts was met, with the uncertainty taken into account."
UNJUDGED = "Nothing was judged in this period, so nothing could be found out of limit. This is not a pass."
WIDTHS = [WIDTH * part for part in (0.17, 0.19, 0.36, 0.28)]
HEAD = ("Outcome", "Test and records", "What", "What was done")
SHOWN = 8  # records named in one row; the tests' own sections list all of them


def section(audit: Audit) -> list[Flowable]:
    """Out of limit, not decided, rejected, unconfirmed; each said to be none where it is."""
    out = [one for one in audit.findings if one.outcome in OUT]
    undecided = [one for one in audit.findings if one.outcome not in OUT]
    judged = any(one.outcome is not None for one in audit.counting)
    flowables: list[Flowable] = [table(audit, out)] if out else [paragraph(NONE if judged and not undecided else _none(judged), BODY)]
    if undecided:
        flowables += [*small_heading("Not decided: repeat or complete"), table(audit, undecided)]
    return [*flowables, *_rejected([one for one in audit.records if not one.counts]), *_unconfirmed(audit), *_others(audit)]


def _none(judged: bool) -> str:
    return "Nothing was out of limit." if judged else UNJUDGED


def table(audit: Audit, found: Sequence[Finding]) -> Flowable:
    """A row for each finding."""
    return grid(HEAD, [_row(audit, one) for one in found], WIDTHS)


def _row(audit: Audit, one: Finding) -> list[Cell]:
    tests = dict.fromkeys(head.test for head in one.records)
    records = [paragraph(audit_words.record(head), CELL_MUTED) for head in one.records[:SHOWN]]
    if len(one.records) > SHOWN:
        records.append(paragraph(f"and {len(one.records) - SHOWN} more", CELL_MUTED))
    techniques = ", ".join(map(numbers.technique, one.techniques))
    done = [paragraph(audit_words.said(event, audit), CELL) for event in one.actions]
    return [
        [tag(one.outcome), *([paragraph(techniques, CELL_MUTED)] if techniques else [])],
        [*(paragraph(test, CELL_STRONG) for test in tests), *records],
        [paragraph(words, CELL) for words in one.what],
        done or [paragraph(NOTHING, CELL_MUTED)],
    ]


def _rejected(records: Sequence[Kept]) -> list[Flowable]:
    """Records that decide nothing, with how they came out."""
    if not records:
        return []
    rows: list[list[Cell]] = [
        [
            paragraph(f"{one.head.at:%Y-%m-%d %H:%M}"),
            [paragraph(one.head.test, CELL_STRONG), paragraph(one.head.record_id, CELL_MUTED)],
            tag(one.outcome),
            paragraph(one.head.left),
        ]
        for one in records
    ]
    widths = [WIDTH * part for part in (0.15, 0.33, 0.17, 0.35)]
    return [*small_heading("Records that decide nothing"), grid(("Taken", "Test and record", "Came out", "Why"), rows, widths)]


def others(audit: Audit) -> str:
    """How many checks of other programs there are, and how many of their lines are no pass by their own verdict; "" for none."""
    checks = len({one.of.number for one in audit.opinions})
    against = sum(no_pass(one) for one in audit.opinions)
    said = f"{against} of {audit_words.many(len(audit.opinions), 'line')} no pass by its own verdict"
    return f"Other programs, which decide nothing here: {audit_words.many(checks, 'check')} imported, {said}." if checks else ""


def no_pass(one: Opinion) -> bool:
    """Whether the other program's own verdict is anything but a pass."""
    return one.verdict.casefold() != STATED_WELL


def _others(audit: Audit) -> list[Flowable]:
    if not audit.opinions:
        return []
    rows: list[list[Cell]] = [
        [
            f"{audit.day(one.of.taken)}",
            paragraph(one.of.source),
            paragraph(one.name),
            f"{one.value} {one.unit}",
            one.threshold,
            paragraph(one.verdict),
        ]
        for one in audit.opinions
        if no_pass(one)
    ]
    head = ("Day", "Program", "Its name", "Value", "Its threshold", "Its verdict")
    widths = [WIDTH * part for part in (0.12, 0.14, 0.36, 0.14, 0.12, 0.12)]
    table = [grid(head, rows, widths)] if rows else []
    return [*small_heading("Second opinions"), paragraph(others(audit), BODY), *table]


def _unconfirmed(audit: Audit) -> list[Flowable]:
    limits = dict.fromkeys(judged.limit for one in audit.counting for judged in one.judgements if not judged.limit.confirmed)
    if not limits:
        return []
    text = "; ".join(f"{limit.limit_id} ({limit.source})" for limit in limits)
    return [*small_heading(f"Unconfirmed limits: {len(limits)}"), paragraph(UNCONFIRMED, BODY), paragraph(text, CELL_MUTED)]
