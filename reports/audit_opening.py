"""The head of an audit: of which machine and days, and the verdict of every technique; no record is no pass."""

from __future__ import annotations

from reportlab.platypus import Flowable, Spacer

from qa.audit import Audit
from qa.audit_records import Verdict
from reports import audit_page, audit_state, audit_words, numbers, page
from reports.style import FACES, paragraph
from reports.verdict import ACROSS, Box, boxes_row

NO_RECORD = "No record of this period judged it.|This is not a pass."
NOTHING = "No record of this period judged anything, and the site file names no technique of this machine.|This is not a pass."


def opening(audit: Audit) -> list[Flowable]:
    """Title, particulars, a box for each technique."""
    boxes = [box(one) for one in audit.verdicts] or [Box(None, "No verdict", "NO RECORD", NOTHING)]
    across = 2 if len(boxes) in (2, 4) else min(len(boxes), ACROSS)
    rows = [boxes[n : n + across] for n in range(0, len(boxes), across)]
    return [page.titled("AUDIT", audit_page.title(audit), below(audit)), *_notes(audit), *(boxes_row(row, across) for row in rows)]


def below(audit: Audit) -> str:
    """The days, the clinic, how many records."""
    zone = f"days of {audit.zone}" if audit.zone else "days of this computer's clock"
    unit = f"{audit.period.first} to {audit.period.last}"
    over = "" if audit.until == audit.period.last else f" (not over: printed with what there was by {audit.until})"
    return "  ·  ".join(filter(None, (f"{unit}{over}", audit.clinic, zone, audit_state.counted(audit))))


def _notes(audit: Audit) -> list[Flowable]:
    return [paragraph(text) for text in (audit_state.names(audit),) if text] + [Spacer(0, 5)]


def box(one: Verdict) -> Box:
    """What one technique's box says: the worst of its records, and how many came out how."""
    if one.outcome is None:
        return Box(None, numbers.technique(one.technique), "NO RECORD", NO_RECORD)
    total = sum(one.records.values())
    doubtful = f"|{one.unconfirmed} of {one.limits} limits unconfirmed" if one.unconfirmed else ""
    words = f"{FACES[one.outcome].word}|worst of {audit_words.many(total, 'record')}: {audit_words.counts(one.records)}{doubtful}"
    return Box(one.outcome, numbers.technique(one.technique), one.outcome.word, words)
