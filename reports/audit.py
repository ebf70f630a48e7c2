"""The audit as a PDF, verdicts first: the same store and period give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from qa.audit import Audit

if TYPE_CHECKING:
    from qa.site_tables import Keys
    from reports.lines import Line


def render(audit: Audit) -> bytes:
    """The whole audit as PDF bytes: A4, fonts embedded, all text extractable, bookmarks and contents."""
    from reportlab.platypus import PageBreak

    from reports import audit_compliance, audit_findings, audit_opening, audit_page, audit_quantities, audit_state, audit_tests
    from reports.audit_page import Section
    from reports.style import STRONG, paragraph, register_fonts

    register_fonts()
    places = audit_page.Places()
    sections = [
        Section("Exceptions", "exceptions", audit_findings.section(audit)),
        Section("Quantities", "quantities", audit_quantities.section(audit)),
        *audit_tests.sections(audit),
        Section("Compliance", "compliance", audit_compliance.section(audit)),
        Section("Service and baselines", "changes", audit_state.changes(audit)),
        Section("Calibrations in force", "calibrations", audit_state.calibrations(audit)),
        Section("Software and algorithms", "software", audit_state.software(audit)),
    ]
    last = Section("Signatures", "signatures", audit_state.signatures(audit))
    head = [*audit_opening.opening(audit), paragraph("Contents", STRONG), places.contents([*sections, last])]
    return audit_page.build(audit, [*head, *places.story(sections), PageBreak(), *places.story([last])], places)


def write(audit: Audit, path: Path, summary: bool = False, keys: Keys | None = None) -> str:
    """The audit, or its one page for a committee, in a file that is either complete or not there, signed with ``keys`` where there are.

    Returns what to say of it. QaError when the disk refuses.
    """
    from reports import audit_summary, pdf_signature

    content = audit_summary.render(audit) if summary else render(audit)
    return pdf_signature.put(content, path, keys, f"audit of {audit.machine}, {audit.period.words}")


def lines(audit: Audit) -> Iterator[Line]:
    """The audit on a screen: verdicts, what was no pass, what is missing."""
    from reports import audit_compliance, audit_state, audit_words, numbers
    from reports.lines import Line

    for verdict in audit.verdicts:
        words = "no record of this period judged it: this is not a pass"
        if verdict.outcome is not None:
            words = f"worst of {audit_words.many(sum(verdict.records.values()), 'record')}: {audit_words.counts(verdict.records)}"
        yield Line("verdict", verdict.outcome, numbers.technique(verdict.technique), words)
    if audit.strange:
        yield Line("note", None, audit.machine, audit_state.strange(audit))
    for found in audit.findings:
        done = "; ".join(audit_words.said(event, audit) for event in found.actions) or "nothing put down"
        where = f"{found.records[0].test}, {', '.join(audit_words.record(head) for head in found.records)}"
        yield Line("exception", found.outcome, where, f"{'; '.join(found.what)}. Done: {done}")
    for one in audit.asked or ():
        if one.short:
            yield Line("due", None, one.name, audit_compliance.lacking(one))
