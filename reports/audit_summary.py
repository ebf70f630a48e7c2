"""An audit on one page, for a committee: verdicts, the worst exceptions, what was not done, what is in force; what is cut says so."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.platypus import Flowable

from qa.audit import Audit
from qa.audit_records import OUT, Finding
from qa.events import SERVICE
from reports import audit_compliance, audit_findings, audit_opening, audit_page, audit_state, audit_words, numbers
from reports.page import DISCLAIMER
from reports.shapes import tag
from reports.style import BODY, CELL, CELL_MUTED, CELL_STRONG, SMALL_HEADING, WIDTH, paragraph, register_fonts
from reports.tables import Cell, grid

MOST = 12  # rows of each table to begin with
LONG = 260  # letters of one text
SIGNERS = ("Reviewed by: qualified medical physicist", "Seen by: committee")


def render(audit: Audit) -> bytes:
    """The page as PDF bytes; as many rows as one page has room for, the worst first, and how many more there are."""
    from io import BytesIO

    from pypdf import PdfReader

    register_fonts()
    for most in range(MOST, -1, -1):
        content = audit_page.build(audit, _story(audit, most), audit_page.Places())
        if len(PdfReader(BytesIO(content)).pages) == 1:
            break
    return content


def _story(audit: Audit, most: int) -> list[Flowable]:
    return [
        *audit_opening.opening(audit),
        *_part("Exceptions", _exceptions(audit, most)),
        *_part("Compliance", _compliance(audit, most)),
        *_part("Review, service, baselines, calibrations", [paragraph(text, CELL) for text in _sentences(audit)]),
        paragraph(f"{DISCLAIMER} The whole audit names every record: igrtqa audit without --summary.", CELL_MUTED),
        audit_state.lines_to_sign(SIGNERS, 34.0),
    ]


def _part(title: str, flowables: Sequence[Flowable]) -> list[Flowable]:
    return [paragraph(title, SMALL_HEADING), *flowables]


def _exceptions(audit: Audit, most: int) -> list[Flowable]:
    if not audit.findings:
        judged = any(one.outcome is not None for one in audit.counting)
        return [paragraph(audit_findings.NONE if judged else audit_findings.UNJUDGED, BODY)]
    shown, left = audit.findings[:most], audit.findings[most:]
    out = sum(one.outcome in OUT for one in left)
    more = f"And {len(left)} more in the whole audit, {out} of them out of limit." if shown else _all_left(audit, out)
    rows = [_finding(audit, one) for one in shown]
    widths = [WIDTH * part for part in (0.17, 0.43, 0.4)]
    table = [grid(("Outcome", "What", "What was done"), rows, widths)] if rows else []
    return [*table, *([paragraph(more, CELL_STRONG)] if left else [])]


def _all_left(audit: Audit, out: int) -> str:
    return f"{len(audit.findings)}, {out} of them out of limit: in the whole audit; there is no room for them here."


def _finding(audit: Audit, one: Finding) -> list[Cell]:
    head = one.records[0]
    when = f"{head.day}" if len(one.records) == 1 else f"{audit_words.many(len(one.records), 'record')} from {head.day}"
    what = f"{head.test}, {when}: {'; '.join(one.what)}"
    done = "; ".join(audit_words.said(event, audit) for event in one.actions)
    techniques = ", ".join(map(numbers.technique, one.techniques))
    return [
        [tag(one.outcome), *([paragraph(techniques, CELL_MUTED)] if techniques else [])],
        paragraph(_cut(what)),
        paragraph(_cut(done) if done else "Nothing put down.", CELL if done else CELL_MUTED),
    ]


def _cut(text: str) -> str:
    return text if len(text) <= LONG else text[:LONG].rstrip() + " …"


def _compliance(audit: Audit, most: int) -> list[Flowable]:
    if not audit.asked:
        return [paragraph(audit_compliance.NO_SITE if audit.asked is None else audit_compliance.NOTHING, BODY)]
    ordered = sorted(audit.asked, key=lambda one: not one.short)
    shown, left = ordered[: max(most, 1)], ordered[max(most, 1) :]
    rows: list[list[Cell]] = [
        [
            paragraph(one.title, CELL),
            f"{len(one.done)}",
            f"{len(one.failed)}",
            f"{len(one.unused)}",
            f"{len(one.service)}",
            f"{len(one.missing)}",
            paragraph(audit_compliance.STATES[one.end.state], CELL_STRONG if one.end.state.waits else CELL),
        ]
        for one in shown
    ]
    widths = [WIDTH * part for part in (0.4, 0.08, 0.08, 0.1, 0.13, 0.09, 0.12)]
    head = ("Protocol: days", "done", "failed", "not used", "under service", "missing", "At the end")
    more = (
        [paragraph(f"And {len(left)} more, {sum(one.short for one in left)} of them with something missing.", CELL_STRONG)] if left else []
    )
    return [grid(head, rows, widths, right=range(1, 6)), *more]


def _sentences(audit: Audit) -> list[str]:
    """What else there is, a sentence each."""
    words = audit_compliance.review_words(audit.reviews)
    began = ["Under service when the period began."] if audit.began is not None else []
    services = [f"{one.day} {'out of clinical use' if one.kind == SERVICE else 'back in clinical use'}" for one in audit.events]
    words += [*began, f"Service: {', '.join(services) if services else 'none put down'}."]
    accepted = [f"{one.record.procedure.replace('_', ' ')} by {one.who}" for one in audit.accepted]
    accepted += [f"{one.procedure.replace('_', ' ')}, {one.name}, by {one.who}" for one in audit.baselines]
    words.append(f"Accepted as baseline or calibration: {', '.join(accepted) if accepted else 'none'}.")
    for one in audit.calibrations:
        state = f"in force until {one.found.expires:%Y-%m-%d}" if one.found is not None else "none in force"
        words.append(f"Calibration {one.kind}: {state}.")
    return [_cut(text) for text in (*words, audit_findings.others(audit)) if text]
